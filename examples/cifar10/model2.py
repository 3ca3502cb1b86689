"""A deeper network for CIFAR-10, built layer by layer: 1,628,214 parameters.

The same file is a Keras program (run it with the folder of the CIFAR-10 binary files)
and the input of lathe:  lathe train model2.py --data DIR
"""
import keras
from keras import layers

model = keras.Sequential()
model.add(layers.Input(shape=(32, 32, 3)))
model.add(layers.Conv2D(8, (3, 3), activation="relu"))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(512, (3, 3), activation="relu"))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(256, (3, 3), activation="relu"))
model.add(layers.Flatten())
model.add(layers.Dense(100, activation="relu"))
model.add(layers.Dense(10, activation="softmax"))

model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])

if __name__ == "__main__":
    import sys

    import numpy as np

    def load(names):
        """Rows of the binary files: a label, then red, green and blue planes."""
        rows = np.concatenate([np.fromfile(f"{sys.argv[1]}/{name}", np.uint8) for name in names])
        rows = rows.reshape(-1, 1 + 3 * 32 * 32)
        images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return images / 255.0, keras.utils.to_categorical(rows[:, 0], 10)

    x_train, y_train = load([f"data_batch_{i}.bin" for i in range(1, 6)])
    x_test, y_test = load(["test_batch.bin"])
    model.summary()
    model.fit(x_train, y_train, batch_size=32, epochs=10, validation_data=(x_test, y_test))
