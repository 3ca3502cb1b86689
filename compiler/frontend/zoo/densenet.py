"""DenseNet (Huang et al., 2016): every layer of a block sees the results of all before it."""
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
    ZeroPadding2D,
)

GROWTH = 32


def normalize(x, norm, relu):
    x = BatchNormalization(epsilon=1.001e-5, name=norm)(x)
    return Activation("relu", name=relu)(x)


def grow(x, name):
    y = normalize(x, f"{name}_0_bn", f"{name}_0_relu")
    y = Conv2D(4 * GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(y)
    y = normalize(y, f"{name}_1_bn", f"{name}_1_relu")
    y = Conv2D(GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(y)
    return Concatenate(axis=3, name=f"{name}_concat")([x, y])


def halve(x, name):
    x = normalize(x, f"{name}_bn", f"{name}_relu")
    x = Conv2D(x.shape[3] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def densenet(name, blocks):
    inputs = Input((224, 224, 3))
    x = ZeroPadding2D(3)(inputs)
    x = Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = normalize(x, "conv1_bn", "conv1_relu")
    x = ZeroPadding2D(1)(x)
    x = MaxPooling2D(3, strides=2, name="pool1")(x)
    for i in range(4):
        for k in range(blocks[i]):
            x = grow(x, f"conv{i + 2}_block{k + 1}")
        if i < 3:
            x = halve(x, f"pool{i + 2}")
    x = normalize(x, "bn", "relu")
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def densenet121():
    return densenet("densenet121", [6, 12, 24, 16])


def densenet169():
    return densenet("densenet169", [6, 12, 32, 32])


def densenet201():
    return densenet("densenet201", [6, 12, 48, 32])
