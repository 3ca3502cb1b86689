"""EfficientNetV2 (Tan and Le, 2021): EfficientNet with plain convolutions in its first blocks."""
import math

import keras
from keras.initializers import Constant, VarianceScaling
from keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Input,
    Multiply,
    Normalization,
    Rescaling,
    Reshape,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"

# repeats, filters, expansion, stride, whether the convolutions are depthwise
SMALL = [
    (2, 24, 1, 1, False),
    (4, 48, 4, 2, False),
    (4, 64, 4, 2, False),
    (6, 128, 4, 2, True),
    (9, 160, 6, 1, True),
    (15, 256, 6, 2, True),
]
MEDIUM = [
    (3, 24, 1, 1, False),
    (5, 48, 4, 2, False),
    (5, 80, 4, 2, False),
    (7, 160, 4, 2, True),
    (14, 176, 6, 1, True),
    (18, 304, 6, 2, True),
    (5, 512, 6, 1, True),
]
LARGE = [
    (4, 32, 1, 1, False),
    (7, 64, 4, 2, False),
    (7, 96, 4, 2, False),
    (10, 192, 4, 2, True),
    (19, 224, 6, 1, True),
    (25, 384, 6, 2, True),
    (7, 640, 6, 1, True),
]
BASE = [
    (1, 16, 1, 1, False),
    (2, 32, 4, 2, False),
    (2, 48, 4, 2, False),
    (3, 96, 4, 2, True),
    (5, 112, 6, 1, True),
    (8, 192, 6, 2, True),
]


def _conv_weights():
    return VarianceScaling(scale=2.0, mode="fan_out", distribution="truncated_normal")


def divisible(n):
    return max(8, int(n + 4) // 8 * 8)


def conv(x, filters, kernel, stride, name):
    return Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False,
                  kernel_initializer=_conv_weights(), name=name)(x)


def normalize(x, name):
    return BatchNormalization(momentum=0.9, name=name)(x)


def weigh_channels(x, squeezed, prefix):
    filters = x.shape[-1]
    y = GlobalAveragePooling2D(name=f"{prefix}se_squeeze")(x)
    y = Reshape((1, 1, filters), name=f"{prefix}se_reshape")(y)
    y = Conv2D(squeezed, 1, padding="same", activation="swish", kernel_initializer=_conv_weights(),
               name=f"{prefix}se_reduce")(y)
    y = Conv2D(filters, 1, padding="same", activation="sigmoid", kernel_initializer=_conv_weights(),
               name=f"{prefix}se_expand")(y)
    return Multiply(name=f"{prefix}se_excite")([x, y])


def depthwise_body(x, filters, expansion, stride, prefix):
    channels = x.shape[-1]
    x = conv(x, channels * expansion, 1, 1, f"{prefix}expand_conv")
    x = normalize(x, f"{prefix}expand_bn")
    x = Activation("swish", name=f"{prefix}expand_activation")(x)
    x = DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False,
                        depthwise_initializer=_conv_weights(), name=f"{prefix}dwconv2")(x)
    x = normalize(x, f"{prefix}bn")
    x = Activation("swish", name=f"{prefix}activation")(x)
    x = weigh_channels(x, max(1, channels // 4), prefix)
    x = conv(x, filters, 1, 1, f"{prefix}project_conv")
    return normalize(x, f"{prefix}project_bn")


def plain_body(x, filters, expansion, stride, prefix):
    if expansion == 1:
        x = conv(x, filters, 3, stride, f"{prefix}project_conv")
        x = normalize(x, f"{prefix}project_bn")
        return Activation("swish", name=f"{prefix}project_activation")(x)
    x = conv(x, x.shape[-1] * expansion, 3, stride, f"{prefix}expand_conv")
    x = normalize(x, f"{prefix}expand_bn")
    x = Activation("swish", name=f"{prefix}expand_activation")(x)
    x = conv(x, filters, 1, 1, f"{prefix}project_conv")
    return normalize(x, f"{prefix}project_bn")


def block(inputs, filters, expansion, stride, depthwise, drop, prefix):
    body = depthwise_body if depthwise else plain_body
    x = body(inputs, filters, expansion, stride, prefix)
    if stride == 1 and inputs.shape[-1] == filters:
        if drop > 0:
            x = Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{prefix}drop")(x)
        x = Add(name=f"{prefix}add")([x, inputs])
    return x


def standardize(x, name):
    """The preprocessing of the sizes B0 to B3, and that of the others."""
    if name[-2] != "b":
        return Rescaling(scale=1.0 / 128.0, offset=-1)(x)
    x = Rescaling(scale=1.0 / 255)(x)
    return Normalization(axis=3, mean=[0.485, 0.456, 0.406],
                         variance=[0.229**2, 0.224**2, 0.225**2])(x)


def efficientnetv2(name, stages, width, depth, size):
    inputs = Input((size, size, 3))
    x = standardize(inputs, name)
    first = 32 if stages == BASE else stages[0][1]
    x = conv(x, divisible(first * width), 3, 2, "stem_conv")
    x = normalize(x, "stem_bn")
    x = Activation("swish", name="stem_activation")(x)
    total = sum([row[0] for row in stages])
    number = 0
    for i, (repeats, filters, expansion, stride, depthwise) in enumerate(stages):
        for k in range(math.ceil(depth * repeats)):
            x = block(x, divisible(filters * width), expansion, stride if k == 0 else 1, depthwise,
                      0.2 * number / total, f"block{i + 1}{LETTERS[k]}_")
            number += 1
    x = conv(x, divisible(1280 * width), 1, 1, "top_conv")
    x = normalize(x, "top_bn")
    x = Activation("swish", name="top_activation")(x)
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dropout(0.2, name="top_dropout")(x)
    dense_weights = VarianceScaling(scale=1.0 / 3.0, mode="fan_out", distribution="uniform")
    x = Dense(1000, activation="softmax", kernel_initializer=dense_weights,
              bias_initializer=Constant(0.0), name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def efficientnetv2b0():
    return efficientnetv2("efficientnetv2-b0", BASE, 1.0, 1.0, 224)


def efficientnetv2b1():
    return efficientnetv2("efficientnetv2-b1", BASE, 1.0, 1.1, 240)


def efficientnetv2b2():
    return efficientnetv2("efficientnetv2-b2", BASE, 1.1, 1.2, 260)


def efficientnetv2b3():
    return efficientnetv2("efficientnetv2-b3", BASE, 1.2, 1.4, 300)


def efficientnetv2s():
    return efficientnetv2("efficientnetv2-s", SMALL, 1.0, 1.0, 384)


def efficientnetv2m():
    return efficientnetv2("efficientnetv2-m", MEDIUM, 1.0, 1.0, 480)


def efficientnetv2l():
    return efficientnetv2("efficientnetv2-l", LARGE, 1.0, 1.0, 480)
