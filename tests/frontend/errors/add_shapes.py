from keras import Input, Model, Sequential
from keras.layers import Add, Conv2D, Flatten

inputs = Input((8, 8, 3), name="image")
a = Conv2D(4, 3, padding="same", name="left")(inputs)
b = Conv2D(5, 3, padding="same", name="right")(inputs)
model = Model(inputs, Add()([a, b]))
