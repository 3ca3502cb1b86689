"""MobileNet (Howard et al., 2017): depthwise convolutions followed by 1x1 convolutions."""
import keras
from keras.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Input,
    ReLU,
    Reshape,
    ZeroPadding2D,
)


def normalize(x, name):
    x = BatchNormalization(name=f"{name}_bn")(x)
    return ReLU(6.0, name=f"{name}_relu")(x)


def block(x, filters, stride, number):
    padding = "same"
    if stride == 2:
        padding = "valid"
        x = ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    x = DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False,
                        name=f"conv_dw_{number}")(x)
    x = normalize(x, f"conv_dw_{number}")
    x = Conv2D(filters, 1, padding="same", use_bias=False, name=f"conv_pw_{number}")(x)
    return normalize(x, f"conv_pw_{number}")


def mobilenet():
    inputs = Input((224, 224, 3))
    x = Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="conv1")(inputs)
    x = normalize(x, "conv1")
    filters = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    for i, n in enumerate(filters):
        x = block(x, n, 2 if i + 1 in (2, 4, 6, 12) else 1, i + 1)
    x = GlobalAveragePooling2D(keepdims=True)(x)
    x = Dropout(0.001, name="dropout")(x)
    x = Conv2D(1000, 1, padding="same", name="conv_preds")(x)
    x = Reshape((1000,), name="reshape_2")(x)
    x = Activation("softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="mobilenet_1.00_224")
