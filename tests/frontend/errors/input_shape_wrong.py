from keras import Input, Model, Sequential
from keras.layers import Conv2D

model = Sequential([Conv2D(8, 3, input_shape=32)])
other = Input()
third = Input((0, 3))
fourth = Input("32")
