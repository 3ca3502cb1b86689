from keras import Input, Model
from keras.layers import (BatchNormalization, Conv2D, Dense, DepthwiseConv2D,
                          GlobalAveragePooling2D, ReLU)


def separable(x, channels, strides):
    x = DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
    x = ReLU()(BatchNormalization()(x))
    x = Conv2D(channels, 1, use_bias=False)(x)
    return ReLU()(BatchNormalization()(x))


inputs = Input((32, 32, 3))
x = Conv2D(16, 3, strides=2, padding="same", use_bias=False)(inputs)
x = ReLU()(BatchNormalization()(x))
for channels, strides in [(32, 1), (64, 2), (64, 1), (128, 2)]:
    x = separable(x, channels, strides)
model = Model(inputs, Dense(10, activation="softmax")(GlobalAveragePooling2D()(x)))
