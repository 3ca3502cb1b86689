"""Xception (Chollet, 2016): separable convolutions with shortcuts around groups of them."""
import keras
from keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    SeparableConv2D,
)


def separable(x, filters, name):
    x = SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return BatchNormalization(name=f"{name}_bn")(x)


def project(x, filters):
    x = Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x)
    return BatchNormalization()(x)


def shrink(x, middle, filters, number):
    """Two separable convolutions and a pooling beside a 1x1 convolution with stride 2."""
    shortcut = project(x, filters)
    name = f"block{number}"
    if number > 2:
        x = Activation("relu", name=f"{name}_sepconv1_act")(x)
    x = separable(x, middle, f"{name}_sepconv1")
    x = Activation("relu", name=f"{name}_sepconv2_act")(x)
    x = separable(x, filters, f"{name}_sepconv2")
    x = MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return Add()([x, shortcut])


def xception():
    inputs = Input((299, 299, 3))
    x = Conv2D(32, 3, strides=2, use_bias=False, name="block1_conv1")(inputs)
    x = BatchNormalization(name="block1_conv1_bn")(x)
    x = Activation("relu", name="block1_conv1_act")(x)
    x = Conv2D(64, 3, use_bias=False, name="block1_conv2")(x)
    x = BatchNormalization(name="block1_conv2_bn")(x)
    x = Activation("relu", name="block1_conv2_act")(x)
    x = shrink(x, 128, 128, 2)
    x = shrink(x, 256, 256, 3)
    x = shrink(x, 728, 728, 4)
    for number in range(5, 13):
        shortcut = x
        for i in range(1, 4):
            x = Activation("relu", name=f"block{number}_sepconv{i}_act")(x)
            x = separable(x, 728, f"block{number}_sepconv{i}")
        x = Add()([x, shortcut])
    x = shrink(x, 728, 1024, 13)
    for i, filters in [(1, 1536), (2, 2048)]:
        x = separable(x, filters, f"block14_sepconv{i}")
        x = Activation("relu", name=f"block14_sepconv{i}_act")(x)
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="xception")
