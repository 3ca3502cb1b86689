"""ResNet (He et al., 2015 and 2016): bottleneck blocks with a shortcut around each; version 2 has
normalisation and activation before the convolutions."""
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
    ZeroPadding2D,
)

EPSILON = 1.001e-5


def normalize(x, name):
    x = BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return Activation("relu", name=f"{name}_relu")(x)


def block1(x, filters, stride, project, name):
    shortcut = x
    if project:
        shortcut = Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = BatchNormalization(epsilon=EPSILON, name=f"{name}_0_bn")(shortcut)
    x = Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = normalize(x, f"{name}_1")
    x = Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x)
    x = normalize(x, f"{name}_2")
    x = Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    x = BatchNormalization(epsilon=EPSILON, name=f"{name}_3_bn")(x)
    x = Add(name=f"{name}_add")([shortcut, x])
    return Activation("relu", name=f"{name}_out")(x)


def stack1(x, filters, blocks, stride, name):
    for i in range(blocks):
        x = block1(x, filters, stride if i == 0 else 1, i == 0, f"{name}_block{i + 1}")
    return x


def block2(x, filters, stride, project, name):
    ready = normalize(x, f"{name}_preact")
    if project:
        shortcut = Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(ready)
    else:
        shortcut = MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(ready)
    x = normalize(x, f"{name}_1")
    x = ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = normalize(x, f"{name}_2")
    x = Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    return Add(name=f"{name}_out")([shortcut, x])


def stack2(x, filters, blocks, stride, name):
    for i in range(blocks):
        last = i == blocks - 1
        x = block2(x, filters, stride if last else 1, i == 0, f"{name}_block{i + 1}")
    return x


def _stem():
    inputs = Input((224, 224, 3))
    x = ZeroPadding2D(3, name="conv1_pad")(inputs)
    return inputs, Conv2D(64, 7, strides=2, name="conv1_conv")(x)


def shrink(x):
    x = ZeroPadding2D(1, name="pool1_pad")(x)
    return MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def classify(inputs, x, name):
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def version1(name, blocks):
    inputs, x = _stem()
    x = shrink(normalize(x, "conv1"))
    for i in range(4):
        x = stack1(x, 64 * 2**i, blocks[i], 1 if i == 0 else 2, f"conv{i + 2}")
    return classify(inputs, x, name)


def version2(name, blocks):
    inputs, x = _stem()
    x = shrink(x)
    for i in range(4):
        x = stack2(x, 64 * 2**i, blocks[i], 1 if i == 3 else 2, f"conv{i + 2}")
    return classify(inputs, normalize(x, "post"), name)


def resnet50():
    return version1("resnet50", [3, 4, 6, 3])


def resnet101():
    return version1("resnet101", [3, 4, 23, 3])


def resnet152():
    return version1("resnet152", [3, 8, 36, 3])


def resnet50v2():
    return version2("resnet50v2", [3, 4, 6, 3])


def resnet101v2():
    return version2("resnet101v2", [3, 4, 23, 3])


def resnet152v2():
    return version2("resnet152v2", [3, 8, 36, 3])
