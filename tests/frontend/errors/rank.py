from keras import Input, Model, Sequential
from keras.layers import Conv2D, Flatten

inputs = Input((16,), name="vector")
model = Model(inputs, Conv2D(3, 3)(inputs))
