"""A small convolutional network for CIFAR-10: 226,390 parameters with 10 filters.

The same file is a Keras program (run it with the folder of the CIFAR-10 binary files)
and the input of lathe:  lathe train model1_10.py --data DIR
"""
from keras import Sequential
from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

model = Sequential([
    Input(shape=(32, 32, 3)),
    Conv2D(10, (3, 3), activation="relu"),
    MaxPooling2D((2, 2)),
    Flatten(),
    Dense(100, activation="relu"),
    Dense(10, activation="softmax"),
])

model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])

if __name__ == "__main__":
    import sys

    import numpy as np
    from keras.utils import to_categorical

    def load(names):
        """Rows of the binary files: a label, then red, green and blue planes."""
        rows = np.concatenate([np.fromfile(f"{sys.argv[1]}/{name}", np.uint8) for name in names])
        rows = rows.reshape(-1, 1 + 3 * 32 * 32)
        images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return images / 255.0, to_categorical(rows[:, 0], 10)

    x_train, y_train = load([f"data_batch_{i}.bin" for i in range(1, 6)])
    x_test, y_test = load(["test_batch.bin"])
    model.summary()
    model.fit(x_train, y_train, batch_size=32, epochs=10, validation_data=(x_test, y_test))
