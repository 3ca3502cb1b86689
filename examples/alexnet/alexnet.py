"""AlexNet (Krizhevsky, Sutskever and Hinton, 2012): 60,965,224 parameters.

The same file is a Keras program and the input of lathe:  lathe compile alexnet.py -o DIR
"""
import keras
from keras import ops
from keras.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D


def lrn(x, size=5, alpha=1e-4, beta=0.75, bias=2.0):
    """Local response normalisation: every value is divided by a power of the sum of squares over the
    `size` channels around it."""
    channels, half = x.shape[-1], size // 2
    squares = ops.pad(ops.square(x), ((0, 0), (0, 0), (0, 0), (half, half)))
    total = squares[..., :channels]
    for i in range(1, size):
        total = total + squares[..., i:i + channels]
    return x / (bias + alpha * total) ** beta


inputs = Input((227, 227, 3))
x = Conv2D(96, 11, strides=4, activation="relu", name="conv1")(inputs)
x = lrn(x)
x = MaxPooling2D(3, strides=2, name="pool1")(x)
x = Conv2D(256, 5, padding="same", groups=2, activation="relu", name="conv2")(x)
x = lrn(x)
x = MaxPooling2D(3, strides=2, name="pool2")(x)
x = Conv2D(384, 3, padding="same", activation="relu", name="conv3")(x)
x = Conv2D(384, 3, padding="same", groups=2, activation="relu", name="conv4")(x)
x = Conv2D(256, 3, padding="same", groups=2, activation="relu", name="conv5")(x)
x = MaxPooling2D(3, strides=2, name="pool5")(x)
x = Flatten(name="flatten")(x)
x = Dense(4096, activation="relu", name="fc6")(x)
x = Dropout(0.5, name="drop6")(x)
x = Dense(4096, activation="relu", name="fc7")(x)
x = Dropout(0.5, name="drop7")(x)
outputs = Dense(1000, activation="softmax", name="fc8")(x)

model = keras.Model(inputs, outputs, name="alexnet")
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.01, momentum=0.9),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)

if __name__ == "__main__":
    model.summary()
