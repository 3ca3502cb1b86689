"""InceptionResNetV2 (Szegedy et al., 2016): inception modules whose scaled result is added to
their input."""
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
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer


def conv(x, filters, kernel, strides=1, padding="same"):
    x = Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False)(x)
    x = BatchNormalization(scale=False)(x)
    return Activation("relu")(x)


def chain(x, filters, kernels):
    """Convolutions one behind the other."""
    for n, kernel in zip(filters, kernels):
        x = conv(x, n, kernel)
    return x


def residual(x, branches, scale, name, activate=True):
    y = Concatenate(axis=3, name=f"{name}_mixed")(branches)
    y = Conv2D(x.shape[3], 1, padding="same", name=f"{name}_conv")(y)
    x = CustomScaleLayer(scale)([x, y])
    return Activation("relu", name=f"{name}_ac")(x) if activate else x


def block35(x, name):
    a = conv(x, 32, 1)
    b = chain(x, [32, 32], [1, 3])
    c = chain(x, [32, 48, 64], [1, 3, 3])
    return residual(x, [a, b, c], 0.17, name)


def block17(x, name):
    a = conv(x, 192, 1)
    b = chain(x, [128, 160, 192], [1, (1, 7), (7, 1)])
    return residual(x, [a, b], 0.1, name)


def block8(x, name, scale, activate):
    a = conv(x, 192, 1)
    b = chain(x, [192, 224, 256], [1, (1, 3), (3, 1)])
    return residual(x, [a, b], scale, name, activate)


def inceptionresnetv2():
    inputs = Input((299, 299, 3))
    x = conv(inputs, 32, 3, 2, "valid")
    x = conv(x, 32, 3, 1, "valid")
    x = conv(x, 64, 3)
    x = MaxPooling2D(3, strides=2)(x)
    x = conv(x, 80, 1, 1, "valid")
    x = conv(x, 192, 3, 1, "valid")
    x = MaxPooling2D(3, strides=2)(x)

    a = conv(x, 96, 1)
    b = chain(x, [48, 64], [1, 5])
    c = chain(x, [64, 96, 96], [1, 3, 3])
    d = conv(AveragePooling2D(3, strides=1, padding="same")(x), 64, 1)
    x = Concatenate(axis=3, name="mixed_5b")([a, b, c, d])
    for i in range(1, 11):
        x = block35(x, f"block35_{i}")

    a = conv(x, 384, 3, 2, "valid")
    b = conv(chain(x, [256, 256], [1, 3]), 384, 3, 2, "valid")
    x = Concatenate(axis=3, name="mixed_6a")([a, b, MaxPooling2D(3, strides=2)(x)])
    for i in range(1, 21):
        x = block17(x, f"block17_{i}")

    a = conv(conv(x, 256, 1), 384, 3, 2, "valid")
    b = conv(conv(x, 256, 1), 288, 3, 2, "valid")
    c = conv(chain(x, [256, 288], [1, 3]), 320, 3, 2, "valid")
    x = Concatenate(axis=3, name="mixed_7a")([a, b, c, MaxPooling2D(3, strides=2)(x)])
    for i in range(1, 10):
        x = block8(x, f"block8_{i}", 0.2, True)
    x = block8(x, "block8_10", 1.0, False)

    x = Conv2D(1536, 1, padding="same", use_bias=False, name="conv_7b")(x)
    x = BatchNormalization(scale=False, name="conv_7b_bn")(x)
    x = Activation("relu", name="conv_7b_ac")(x)
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="inception_resnet_v2")
