from keras import Input, Model, Sequential
from keras.layers import Dense

inner = Sequential([Input((4,)), Dense(3)])
model = Sequential([Input((4,)), inner, Dense(2)])
