"""One of each kernel that the examples do not have: chains, convolutions by bands of rows, parts of a
concatenation."""
import keras
from keras.layers import Concatenate, Conv2D, Dense, DepthwiseConv2D, GlobalAveragePooling2D, Input, MaxPooling2D, ReLU

inputs = Input(shape=(96, 96, 3))
x = Conv2D(32, 3, strides=2, padding="same", activation="relu", name="first")(inputs)
x = Conv2D(128, 1, activation="relu", name="expand")(x)
x = DepthwiseConv2D(3, padding="same", activation="relu", name="deep")(x)
x = Conv2D(32, 1, name="project")(x)
x = Concatenate(name="both")([Conv2D(48, 3, padding="same", name="right")(x), Conv2D(16, 1, name="left")(x)])
x = MaxPooling2D(2, name="pool")(ReLU(name="relu")(x))
x = Conv2D(64, 5, padding="same", activation="sigmoid", name="five")(x)
model = keras.Model(inputs, Dense(10, name="dense")(GlobalAveragePooling2D(name="mean")(x)), name="kernels")
