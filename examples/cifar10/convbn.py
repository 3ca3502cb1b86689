"""Convolution, batch normalisation, ReLU: for inference each of the three becomes one operation.

The same file is a Keras program (run it with the folder of the CIFAR-10 binary files)
and the input of lathe:  lathe compile convbn.py -o DIR
"""
import keras
from keras.layers import BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input, ReLU


def block(x, filters, strides=1):
    x = Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = BatchNormalization()(x)
    return ReLU()(x)


inputs = Input(shape=(32, 32, 3))
x = inputs
for filters, strides in [(32, 1), (64, 2), (128, 2)]:
    x = block(x, filters, strides)
x = GlobalAveragePooling2D()(x)
outputs = Dense(10, activation="softmax")(x)

model = keras.Model(inputs, outputs, name="convbn")
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9, nesterov=True),
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
    model.fit(x_train, y_train, batch_size=64, epochs=10, validation_data=(x_test, y_test))
