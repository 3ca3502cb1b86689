from keras import Input, Model, Sequential
from keras.layers import Conv2D

model = Sequential([Input((8, 8, 1)), Conv2D(3, 3, strides=2, dilation_rate=2)])
