"""EfficientNet (Tan and Le, 2019): one network in eight sizes, of blocks with depthwise
convolutions and weighed channels."""
import math

import keras
from keras.initializers import VarianceScaling
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
    ZeroPadding2D,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"

# kernel, repeats, filters, expansion, stride
STAGES = [
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
]


def _conv_weights():
    return VarianceScaling(scale=2.0, mode="fan_out", distribution="truncated_normal")


def divisible(n):
    """The multiple of 8 next to n, at most a tenth below it."""
    near = max(8, int(n + 4) // 8 * 8)
    return near + 8 if near < 0.9 * n else near


def conv(x, filters, name):
    return Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer=_conv_weights(),
                  name=name)(x)


def activate(x, norm, name):
    x = BatchNormalization(name=norm)(x)
    return Activation("swish", name=name)(x)


def pad_for_stride(x, kernel, name):
    """Zeros around x so that a valid window of stride 2 covers it as 'same' does."""
    rows, columns = x.shape[1] % 2, x.shape[2] % 2
    half = kernel // 2
    sides = ((half - 1 + rows, half), (half - 1 + columns, half))
    return ZeroPadding2D(sides, name=name)(x)


def weigh_channels(x, squeezed, prefix):
    filters = x.shape[-1]
    y = GlobalAveragePooling2D(name=f"{prefix}se_squeeze")(x)
    y = Reshape((1, 1, filters), name=f"{prefix}se_reshape")(y)
    y = Conv2D(squeezed, 1, padding="same", activation="swish", kernel_initializer=_conv_weights(),
               name=f"{prefix}se_reduce")(y)
    y = Conv2D(filters, 1, padding="same", activation="sigmoid", kernel_initializer=_conv_weights(),
               name=f"{prefix}se_expand")(y)
    return Multiply(name=f"{prefix}se_excite")([x, y])


def block(inputs, kernel, filters, expansion, stride, drop, prefix):
    x = inputs
    channels = x.shape[-1]
    if expansion != 1:
        x = conv(x, channels * expansion, f"{prefix}expand_conv")
        x = activate(x, f"{prefix}expand_bn", f"{prefix}expand_activation")
    if stride == 2:
        x = pad_for_stride(x, kernel, f"{prefix}dwconv_pad")
    x = DepthwiseConv2D(kernel, strides=stride, padding="valid" if stride == 2 else "same",
                        use_bias=False, depthwise_initializer=_conv_weights(),
                        name=f"{prefix}dwconv")(x)
    x = activate(x, f"{prefix}bn", f"{prefix}activation")
    x = weigh_channels(x, max(1, channels // 4), prefix)
    x = conv(x, filters, f"{prefix}project_conv")
    x = BatchNormalization(name=f"{prefix}project_bn")(x)
    if stride == 1 and channels == filters:
        if drop > 0:
            x = Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{prefix}drop")(x)
        x = Add(name=f"{prefix}add")([x, inputs])
    return x


def efficientnet(name, width, depth, size, dropout):
    repeats = [math.ceil(depth * row[1]) for row in STAGES]
    inputs = Input((size, size, 3))
    x = Rescaling(1.0 / 255.0)(inputs)
    x = Normalization(axis=3)(x)
    x = pad_for_stride(x, 3, "stem_conv_pad")
    x = Conv2D(divisible(32 * width), 3, strides=2, use_bias=False,
               kernel_initializer=_conv_weights(), name="stem_conv")(x)
    x = activate(x, "stem_bn", "stem_activation")
    number = 0
    for i, (kernel, _, filters, expansion, stride) in enumerate(STAGES):
        for k in range(repeats[i]):
            drop = 0.2 * number / sum(repeats)
            x = block(x, kernel, divisible(filters * width), expansion, stride if k == 0 else 1,
                      drop, f"block{i + 1}{LETTERS[k]}_")
            number += 1
    x = conv(x, divisible(1280 * width), "top_conv")
    x = activate(x, "top_bn", "top_activation")
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dropout(dropout, name="top_dropout")(x)
    dense_weights = VarianceScaling(scale=1.0 / 3.0, mode="fan_out", distribution="uniform")
    x = Dense(1000, activation="softmax", kernel_initializer=dense_weights, name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def efficientnetb0():
    return efficientnet("efficientnetb0", 1.0, 1.0, 224, 0.2)


def efficientnetb1():
    return efficientnet("efficientnetb1", 1.0, 1.1, 240, 0.2)


def efficientnetb2():
    return efficientnet("efficientnetb2", 1.1, 1.2, 260, 0.3)


def efficientnetb3():
    return efficientnet("efficientnetb3", 1.2, 1.4, 300, 0.3)


def efficientnetb4():
    return efficientnet("efficientnetb4", 1.4, 1.8, 380, 0.4)


def efficientnetb5():
    return efficientnet("efficientnetb5", 1.6, 2.2, 456, 0.4)


def efficientnetb6():
    return efficientnet("efficientnetb6", 1.8, 2.6, 528, 0.5)


def efficientnetb7():
    return efficientnet("efficientnetb7", 2.0, 3.1, 600, 0.5)
