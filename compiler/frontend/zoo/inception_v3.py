"""InceptionV3 (Szegedy et al., 2015): branches with convolutions of several shapes, joined."""
import keras
from keras.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
)


def conv(x, filters, kernel, strides=1, padding="same"):
    x = Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False)(x)
    x = BatchNormalization(scale=False)(x)
    return Activation("relu")(x)


def chain(x, filters, kernels):
    """Convolutions one behind the other."""
    for n, kernel in zip(filters, kernels):
        x = conv(x, n, kernel)
    return x


def pool(x, filters):
    x = AveragePooling2D(3, strides=1, padding="same")(x)
    return conv(x, filters, 1)


def mixed35(x, pooled, name):
    a = conv(x, 64, 1)
    b = chain(x, [48, 64], [1, 5])
    c = chain(x, [64, 96, 96], [1, 3, 3])
    return Concatenate(axis=3, name=name)([a, b, c, pool(x, pooled)])


def mixed17(x, n, name):
    a = conv(x, 192, 1)
    b = chain(x, [n, n, 192], [1, (1, 7), (7, 1)])
    c = chain(x, [n, n, n, n, 192], [1, (7, 1), (1, 7), (7, 1), (1, 7)])
    return Concatenate(axis=3, name=name)([a, b, c, pool(x, 192)])


def fork(x):
    return [conv(x, 384, (1, 3)), conv(x, 384, (3, 1))]


def mixed8(x, i):
    a = conv(x, 320, 1)
    b = Concatenate(axis=3, name=f"mixed9_{i}")(fork(conv(x, 384, 1)))
    c = Concatenate(axis=3)(fork(chain(x, [448, 384], [1, 3])))
    return Concatenate(axis=3, name=f"mixed{9 + i}")([a, b, c, pool(x, 192)])


def inceptionv3():
    inputs = Input((299, 299, 3))
    x = conv(inputs, 32, 3, 2, "valid")
    x = conv(x, 32, 3, 1, "valid")
    x = conv(x, 64, 3)
    x = MaxPooling2D(3, strides=2)(x)
    x = conv(x, 80, 1, 1, "valid")
    x = conv(x, 192, 3, 1, "valid")
    x = MaxPooling2D(3, strides=2)(x)
    for i, pooled in enumerate([32, 64, 64]):
        x = mixed35(x, pooled, f"mixed{i}")

    a = conv(x, 384, 3, 2, "valid")
    b = conv(chain(x, [64, 96], [1, 3]), 96, 3, 2, "valid")
    x = Concatenate(axis=3, name="mixed3")([a, b, MaxPooling2D(3, strides=2)(x)])
    for i, n in enumerate([128, 160, 160, 192]):
        x = mixed17(x, n, f"mixed{4 + i}")

    a = conv(conv(x, 192, 1), 320, 3, 2, "valid")
    b = conv(chain(x, [192, 192, 192], [1, (1, 7), (7, 1)]), 192, 3, 2, "valid")
    x = Concatenate(axis=3, name="mixed8")([a, b, MaxPooling2D(3, strides=2)(x)])
    for i in range(2):
        x = mixed8(x, i)

    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="inception_v3")
