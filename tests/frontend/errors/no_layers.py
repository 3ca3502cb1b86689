from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,))])
