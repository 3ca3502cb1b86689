"""Which way do the stripes of a picture of 8 x 8 pixels run? The kernels are set by hand, so there is
nothing to train: two differences of neighbours, their means over the picture, and which is larger."""

from keras import Input, Sequential
from keras.initializers import Constant
from keras.layers import Conv2D, Dense, GlobalAveragePooling2D

DOWN = [[1, 1],
        [-1, -1]]

ACROSS = [[1, -1],
          [1, -1]]

model = Sequential([
    Input((8, 8, 1), name="picture"),
    Conv2D(2, 2, use_bias=False, activation="relu",
           kernel_initializer=Constant([[[[DOWN[y][x], ACROSS[y][x]]] for x in range(2)] for y in range(2)])),
    GlobalAveragePooling2D(),
    Dense(2, use_bias=False, activation="softmax", kernel_initializer=Constant([[8, -8], [-8, 8]]),
          name="horizontal_vertical"),
])
