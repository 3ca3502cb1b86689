"""MobileNetV3 (Howard et al., 2019): blocks of MobileNetV2, some of which weigh their channels
(squeeze and excitation)."""
import keras
from keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Multiply,
    ReLU,
    Rescaling,
    ZeroPadding2D,
)


def divisible(n):
    """The multiple of 8 next to n, at most a tenth below it."""
    near = max(8, int(n + 4) // 8 * 8)
    return near + 8 if near < 0.9 * n else near


def activate(x, kind):
    return ReLU()(x) if kind == "relu" else Activation("hard_swish")(x)


def normalize(x, name):
    return BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)(x)


def weigh_channels(inputs, filters, prefix):
    x = GlobalAveragePooling2D(keepdims=True, name=f"{prefix}squeeze_excite_avg_pool")(inputs)
    x = Conv2D(divisible(filters * 0.25), 1, padding="same", name=f"{prefix}squeeze_excite_conv")(x)
    x = ReLU(name=f"{prefix}squeeze_excite_relu")(x)
    x = Conv2D(filters, 1, padding="same", name=f"{prefix}squeeze_excite_conv_1")(x)
    x = ReLU(6.0)(x + 3.0) * (1.0 / 6.0)
    return Multiply(name=f"{prefix}squeeze_excite_mul")([inputs, x])


def block(inputs, expansion, filters, kernel, stride, weighed, kind, number):
    x = inputs
    channels = x.shape[-1]
    wide = divisible(channels * expansion)
    prefix = f"expanded_conv_{number}_" if number else "expanded_conv_"
    if number:
        x = Conv2D(wide, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = activate(normalize(x, f"{prefix}expand_bn"), kind)
    padding = "same"
    if stride == 2:
        padding = "valid"
        even = 1 - x.shape[1] % 2
        sides = (kernel // 2 - even, kernel // 2)
        x = ZeroPadding2D((sides, sides), name=f"{prefix}depthwise_pad")(x)
    x = DepthwiseConv2D(kernel, strides=stride, padding=padding, use_bias=False,
                        name=f"{prefix}depthwise")(x)
    x = activate(normalize(x, f"{prefix}depthwise_bn"), kind)
    if weighed:
        x = weigh_channels(x, wide, prefix)
    x = Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = normalize(x, f"{prefix}project_bn")
    if stride == 1 and channels == filters:
        x = Add(name=f"{prefix}add")([inputs, x])
    return x


def mobilenet_v3(name, blocks, width):
    inputs = Input((224, 224, 3))
    x = Rescaling(scale=1.0 / 127.5, offset=-1.0)(inputs)
    x = Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = activate(normalize(x, "conv_bn"), "hard_swish")
    for number, row in enumerate(blocks):
        x = block(x, *row, number)
    x = Conv2D(divisible(x.shape[-1] * 6), 1, padding="same", use_bias=False, name="conv_1")(x)
    x = activate(normalize(x, "conv_1_bn"), "hard_swish")
    x = GlobalAveragePooling2D(keepdims=True)(x)
    x = Conv2D(width, 1, padding="same", name="conv_2")(x)
    x = activate(x, "hard_swish")
    x = Dropout(0.2)(x)
    x = Conv2D(1000, 1, padding="same", name="logits")(x)
    x = Flatten()(x)
    x = Activation("softmax", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def mobilenetv3small():
    # expansion, filters, kernel, stride, weighed channels, activation
    return mobilenet_v3("MobileNetV3Small", [
        (1, 16, 3, 2, True, "relu"),
        (72.0 / 16, 24, 3, 2, False, "relu"),
        (88.0 / 24, 24, 3, 1, False, "relu"),
        (4, 40, 5, 2, True, "hard_swish"),
        (6, 40, 5, 1, True, "hard_swish"),
        (6, 40, 5, 1, True, "hard_swish"),
        (3, 48, 5, 1, True, "hard_swish"),
        (3, 48, 5, 1, True, "hard_swish"),
        (6, 96, 5, 2, True, "hard_swish"),
        (6, 96, 5, 1, True, "hard_swish"),
        (6, 96, 5, 1, True, "hard_swish"),
    ], 1024)


def mobilenetv3large():
    return mobilenet_v3("MobileNetV3Large", [
        (1, 16, 3, 1, False, "relu"),
        (4, 24, 3, 2, False, "relu"),
        (3, 24, 3, 1, False, "relu"),
        (3, 40, 5, 2, True, "relu"),
        (3, 40, 5, 1, True, "relu"),
        (3, 40, 5, 1, True, "relu"),
        (6, 80, 3, 2, False, "hard_swish"),
        (2.5, 80, 3, 1, False, "hard_swish"),
        (2.3, 80, 3, 1, False, "hard_swish"),
        (2.3, 80, 3, 1, False, "hard_swish"),
        (6, 112, 3, 1, True, "hard_swish"),
        (6, 112, 3, 1, True, "hard_swish"),
        (6, 160, 5, 2, True, "hard_swish"),
        (6, 160, 5, 1, True, "hard_swish"),
        (6, 160, 5, 1, True, "hard_swish"),
    ], 1280)
