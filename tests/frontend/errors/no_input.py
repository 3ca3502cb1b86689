from keras import Input, Model, Sequential
from keras.layers import Conv2D, Dense

model = Sequential([Conv2D(8, 3), Dense(10)])
