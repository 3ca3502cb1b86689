from keras import Input, Model, Sequential
from keras.layers import Conv2D, MaxPooling2D

inputs = Input((8, 8, 1))
x = Conv2D(3, 9)(inputs)
y = MaxPooling2D((2, 20))(inputs)
model = Model(inputs, y)
