"""Blur, sharpening and edge detection: three convolutions whose kernels are set by hand."""

from keras import Input, Model
from keras.initializers import Constant
from keras.layers import Conv2D, ReLU, Rescaling

BLUR = [[1 / 16, 2 / 16, 1 / 16],
        [2 / 16, 4 / 16, 2 / 16],
        [1 / 16, 2 / 16, 1 / 16]]

SHARPEN = [[0, -1, 0],
           [-1, 5, -1],
           [0, -1, 0]]

EDGES = [[-1, -1, -1],
         [-1, 8, -1],
         [-1, -1, -1]]


def each_channel(window):
    """The kernel [3, 3, 3, 3] that applies a window to red, green and blue alone."""
    return [[[[w if i == o else 0 for o in range(3)] for i in range(3)] for w in row] for row in window]


def image_filter(x, window, name):
    """Results outside of 0 to 1 are cut off, as a picture shows them."""
    x = Conv2D(3, 3, padding="same", use_bias=False, kernel_initializer=Constant(each_channel(window)),
               name=name + "_filter")(x)
    return ReLU(max_value=1.0, name=name)(x)


photograph = Input((320, 480, 3), name="photograph")
x = Rescaling(1 / 255)(photograph)
model = Model(photograph, [image_filter(x, BLUR, "blur"),
                           image_filter(x, SHARPEN, "sharpen"),
                           image_filter(x, EDGES, "edges")])
