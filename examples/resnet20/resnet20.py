"""ResNet-20 for CIFAR-10 (He et al., 2015): 20 layers with parameters in a row.

The same file is a Keras program (run it with the folder of the CIFAR-10 binary files) and the input
of lathe:  lathe train resnet20.py --data DIR
"""
import keras
from keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Input,
)


def conv(x, filters, kernel=3, strides=1):
    x = Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False,
               kernel_initializer="he_normal")(x)
    return BatchNormalization()(x)


def block(x, filters, strides):
    """Two convolutions and a shortcut around them."""
    y = Activation("relu")(conv(x, filters, 3, strides))
    y = conv(y, filters)
    if strides > 1:
        x = conv(x, filters, 1, strides)
    return Activation("relu")(Add()([x, y]))


inputs = Input((32, 32, 3))
x = Activation("relu")(conv(inputs, 16))
for filters in [16, 32, 64]:
    for i in range(3):
        x = block(x, filters, 2 if i == 0 and filters > 16 else 1)
x = GlobalAveragePooling2D()(x)
outputs = Dense(10, activation="softmax", kernel_initializer="he_normal")(x)

model = keras.Model(inputs, outputs, name="resnet20")
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)

if __name__ == "__main__":
    import sys

    import numpy as np

    def load(names):
        """Rows of the binary files: a label, then red, green and blue planes."""
        rows = np.concatenate([np.fromfile(f"{sys.argv[1]}/{name}", np.uint8) for name in names])
        rows = rows.reshape(-1, 1 + 3 * 32 * 32)
        images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return images / 255.0, rows[:, 0]

    x_train, y_train = load([f"data_batch_{i}.bin" for i in range(1, 6)])
    x_test, y_test = load(["test_batch.bin"])
    model.summary()
    model.fit(x_train, y_train, batch_size=128, epochs=10, validation_data=(x_test, y_test))
