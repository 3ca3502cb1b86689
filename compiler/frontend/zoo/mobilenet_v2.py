"""MobileNetV2 (Sandler et al., 2018): wide blocks between narrow shortcuts."""
import keras
from keras.layers import (
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    Input,
    ReLU,
    ZeroPadding2D,
)


def normalize(x, name):
    return BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)(x)


def block(inputs, expansion, filters, stride, number):
    x = inputs
    channels = x.shape[-1]
    prefix = f"block_{number}_" if number else "expanded_conv_"
    if number:
        x = Conv2D(expansion * channels, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = normalize(x, f"{prefix}expand_BN")
        x = ReLU(6.0, name=f"{prefix}expand_relu")(x)
    padding = "same"
    if stride == 2:
        padding = "valid"
        even = 1 - x.shape[1] % 2
        x = ZeroPadding2D(((1 - even, 1), (1 - even, 1)), name=f"{prefix}pad")(x)
    x = DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False,
                        name=f"{prefix}depthwise")(x)
    x = normalize(x, f"{prefix}depthwise_BN")
    x = ReLU(6.0, name=f"{prefix}depthwise_relu")(x)
    x = Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = normalize(x, f"{prefix}project_BN")
    if channels == filters and stride == 1:
        x = Add(name=f"{prefix}add")([inputs, x])
    return x


def mobilenetv2():
    inputs = Input((224, 224, 3))
    x = Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="Conv1")(inputs)
    x = normalize(x, "bn_Conv1")
    x = ReLU(6.0, name="Conv1_relu")(x)
    number = 0
    for expansion, filters, repeats, stride in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for i in range(repeats):
            x = block(x, expansion, filters, stride if i == 0 else 1, number)
            number += 1
    x = Conv2D(1280, 1, use_bias=False, name="Conv_1")(x)
    x = normalize(x, "Conv_1_bn")
    x = ReLU(6.0, name="out_relu")(x)
    x = GlobalAveragePooling2D()(x)
    x = Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="mobilenetv2_1.00_224")
