from keras import Input, Model, Sequential
from keras.layers import Dense

units = 3
model = Sequential([Input((4,)), Dense(unit)])
