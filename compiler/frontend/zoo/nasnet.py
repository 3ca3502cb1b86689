"""NASNet-A (Zoph et al., 2017): cells that a search found; each reads the results of the two
before it."""
import keras
from keras.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Cropping2D,
    Dense,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    SeparableConv2D,
    ZeroPadding2D,
)


def normalize(x, name):
    return BatchNormalization(momentum=0.9997, epsilon=1e-3, name=name)(x)


def conv1x1(x, filters, name):
    return Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal",
                  name=name)(x)


def pad_for_stride(x, kernel, name):
    """Zeros around x so that a valid window of stride 2 covers it as 'same' does."""
    rows, columns = x.shape[1] % 2, x.shape[2] % 2
    half = kernel // 2
    sides = ((half - 1 + rows, half), (half - 1 + columns, half))
    return ZeroPadding2D(sides, name=name)(x)


def separable(x, filters, kernel, name, stride=1):
    x = Activation("relu")(x)
    padding = "same"
    if stride == 2:
        padding = "valid"
        x = pad_for_stride(x, kernel, f"separable_conv_1_pad_{name}")
    x = SeparableConv2D(filters, kernel, strides=stride, padding=padding, use_bias=False,
                        name=f"separable_conv_1_{name}")(x)
    x = normalize(x, f"separable_conv_1_bn_{name}")
    x = Activation("relu")(x)
    x = SeparableConv2D(filters, kernel, padding="same", use_bias=False,
                        name=f"separable_conv_2_{name}")(x)
    return normalize(x, f"separable_conv_2_bn_{name}")


def halve(x, filters, name):
    """Every second pixel of x, and every second one beside them."""
    x = Activation("relu", name=f"adjust_relu_1_{name}")(x)
    a = AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_1_{name}")(x)
    a = conv1x1(a, filters // 2, f"adjust_conv_1_{name}")
    b = ZeroPadding2D(((0, 1), (0, 1)))(x)
    b = Cropping2D(((1, 0), (1, 0)))(b)
    b = AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_2_{name}")(b)
    b = conv1x1(b, filters // 2, f"adjust_conv_2_{name}")
    return normalize(Concatenate(axis=-1)([a, b]), f"adjust_bn_{name}")


def adjust(before, x, filters, name):
    """The result of the cell before the last, in the shape of the last one's."""
    if before is None:
        return x
    if before.shape[2] != x.shape[2]:
        return halve(before, filters, name)
    if before.shape[3] != filters:
        before = Activation("relu")(before)
        before = conv1x1(before, filters, f"adjust_conv_projection_{name}")
        before = normalize(before, f"adjust_bn_{name}")
    return before


def average(x, name):
    return AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def normal_cell(x, before, filters, name):
    p = adjust(before, x, filters, name)
    h = Activation("relu")(x)
    h = conv1x1(h, filters, f"normal_conv_1_{name}")
    h = normalize(h, f"normal_bn_1_{name}")
    a = separable(h, filters, 5, f"normal_left1_{name}")
    b = separable(p, filters, 3, f"normal_right1_{name}")
    x1 = Add(name=f"normal_add_1_{name}")([a, b])
    a = separable(p, filters, 5, f"normal_left2_{name}")
    b = separable(p, filters, 3, f"normal_right2_{name}")
    x2 = Add(name=f"normal_add_2_{name}")([a, b])
    x3 = Add(name=f"normal_add_3_{name}")([average(h, f"normal_left3_{name}"), p])
    a = average(p, f"normal_left4_{name}")
    b = average(p, f"normal_right4_{name}")
    x4 = Add(name=f"normal_add_4_{name}")([a, b])
    x5 = Add(name=f"normal_add_5_{name}")([separable(h, filters, 3, f"normal_left5_{name}"), h])
    return Concatenate(axis=-1, name=f"normal_concat_{name}")([p, x1, x2, x3, x4, x5])


def reduction_cell(x, before, filters, name):
    p = adjust(before, x, filters, name)
    h = Activation("relu")(x)
    h = conv1x1(h, filters, f"reduction_conv_1_{name}")
    h = normalize(h, f"reduction_bn_1_{name}")
    padded = pad_for_stride(h, 3, f"reduction_pad_1_{name}")
    a = separable(h, filters, 5, f"reduction_left1_{name}", 2)
    b = separable(p, filters, 7, f"reduction_right1_{name}", 2)
    x1 = Add(name=f"reduction_add_1_{name}")([a, b])
    a = MaxPooling2D(3, strides=2, name=f"reduction_left2_{name}")(padded)
    b = separable(p, filters, 7, f"reduction_right2_{name}", 2)
    x2 = Add(name=f"reduction_add_2_{name}")([a, b])
    a = AveragePooling2D(3, strides=2, name=f"reduction_left3_{name}")(padded)
    b = separable(p, filters, 5, f"reduction_right3_{name}", 2)
    x3 = Add(name=f"reduction_add3_{name}")([a, b])
    x4 = Add()([x2, average(x1, f"reduction_left4_{name}")])
    a = separable(x1, filters, 3, f"reduction_left4_{name}")
    b = MaxPooling2D(3, strides=2, name=f"reduction_right5_{name}")(padded)
    x5 = Add(name=f"reduction_add4_{name}")([a, b])
    return Concatenate(axis=-1, name=f"reduction_concat_{name}")([x2, x3, x4, x5])


def nasnet(name, size, stem, filters, cells, skip):
    """`skip`: the cell behind a reduction reads what the reduction's predecessor read."""
    inputs = Input((size, size, 3))
    x = Conv2D(stem, 3, strides=2, use_bias=False, kernel_initializer="he_normal",
               name="stem_conv1")(inputs)
    x = normalize(x, "stem_bn1")
    before = None
    for i, n in enumerate([filters // 4, filters // 2]):
        x, before = reduction_cell(x, before, n, f"stem_{i + 1}"), x
    for group in range(3):
        n = filters * 2**group
        first = group * cells + (1 if group else 0)
        if group:
            y = reduction_cell(x, before, n, f"reduce_{group * cells}")
            if not skip:
                before = x
            x = y
        for i in range(cells):
            x, before = normal_cell(x, before, n, f"{first + i}"), x
    x = Activation("relu")(x)
    x = GlobalAveragePooling2D()(x)
    x = Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def nasnetmobile():
    return nasnet("nasnet_mobile", 224, 32, 44, 4, False)


def nasnetlarge():
    return nasnet("nasnet_large", 331, 96, 168, 6, True)
