"""GoogLeNet (Szegedy et al., 2014): 22 layers with parameters in a row, nine inception modules, and
two auxiliary classifiers that help to train the lower ones.

`model` has all three classifiers, for training; `inference` has the last one alone. The same file is
a Keras program and the input of lathe:  lathe compile googlenet.py --model inference -o DIR
"""
import keras
from keras import ops
from keras.layers import (
    AveragePooling2D,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
)


def lrn(x, size=5, alpha=1e-4, beta=0.75, bias=2.0):
    """Local response normalisation: every value is divided by a power of the sum of squares over the
    `size` channels around it."""
    channels, half = x.shape[-1], size // 2
    squares = ops.pad(ops.square(x), ((0, 0), (0, 0), (0, 0), (half, half)))
    total = squares[..., :channels]
    for i in range(1, size):
        total = total + squares[..., i:i + channels]
    return x / (bias + alpha * total) ** beta


def conv(x, filters, kernel, name, strides=1):
    return Conv2D(filters, kernel, strides=strides, padding="same", activation="relu", name=name)(x)


def pool(x, name, strides=2):
    return MaxPooling2D(3, strides=strides, padding="same", name=name)(x)


def inception(x, a, b3, b, c5, c, d, name):
    """1x1 convolutions; 3x3 and 5x5 ones behind narrow 1x1 ones; pooling: joined by channel."""
    one = conv(x, a, 1, f"{name}_1x1")
    three = conv(conv(x, b3, 1, f"{name}_3x3_reduce"), b, 3, f"{name}_3x3")
    five = conv(conv(x, c5, 1, f"{name}_5x5_reduce"), c, 5, f"{name}_5x5")
    pooled = conv(pool(x, f"{name}_pool", 1), d, 1, f"{name}_pool_proj")
    return Concatenate(name=f"{name}_output")([one, three, five, pooled])


def classifier(x, name):
    """An auxiliary classifier on the output of an inner module."""
    x = AveragePooling2D(5, strides=3, name=f"{name}_pool")(x)
    x = conv(x, 128, 1, f"{name}_conv")
    x = Flatten(name=f"{name}_flatten")(x)
    x = Dense(1024, activation="relu", name=f"{name}_fc")(x)
    x = Dropout(0.7, name=f"{name}_dropout")(x)
    return Dense(1000, activation="softmax", name=f"{name}_classifier")(x)


inputs = Input((224, 224, 3))
x = conv(inputs, 64, 7, "conv1", strides=2)
x = lrn(pool(x, "pool1"))
x = conv(x, 64, 1, "conv2_reduce")
x = conv(x, 192, 3, "conv2")
x = pool(lrn(x), "pool2")
x = inception(x, 64, 96, 128, 16, 32, 32, "inception_3a")
x = inception(x, 128, 128, 192, 32, 96, 64, "inception_3b")
x = pool(x, "pool3")
x = inception(x, 192, 96, 208, 16, 48, 64, "inception_4a")
first = classifier(x, "loss1")
x = inception(x, 160, 112, 224, 24, 64, 64, "inception_4b")
x = inception(x, 128, 128, 256, 24, 64, 64, "inception_4c")
x = inception(x, 112, 144, 288, 32, 64, 64, "inception_4d")
second = classifier(x, "loss2")
x = inception(x, 256, 160, 320, 32, 128, 128, "inception_4e")
x = pool(x, "pool4")
x = inception(x, 256, 160, 320, 32, 128, 128, "inception_5a")
x = inception(x, 384, 192, 384, 48, 128, 128, "inception_5b")
x = GlobalAveragePooling2D(name="pool5")(x)
x = Dropout(0.4, name="dropout")(x)
outputs = Dense(1000, activation="softmax", name="classifier")(x)

inference = keras.Model(inputs, outputs, name="googlenet")
model = keras.Model(inputs, [outputs, first, second], name="googlenet_training")
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.01, momentum=0.9),
    loss=["sparse_categorical_crossentropy"] * 3,
    loss_weights=[1.0, 0.3, 0.3],
)

if __name__ == "__main__":
    model.summary()
