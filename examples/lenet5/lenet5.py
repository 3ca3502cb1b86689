"""LeNet-5 (LeCun et al., 1998) with batch normalisation and dropout, for MNIST.

MNIST's images of 28 x 28 are padded to 32 x 32 by the first layer. The same file is a Keras
program and the input of lathe:  lathe train lenet5.py --data DIR
"""
from keras import Input, Sequential
from keras.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    ZeroPadding2D,
)

model = Sequential(name="lenet5")
model.add(Input((28, 28, 1)))
model.add(ZeroPadding2D(2))
model.add(Conv2D(6, 5, activation="tanh", name="c1"))
model.add(BatchNormalization())
model.add(AveragePooling2D(2, name="s2"))
model.add(Conv2D(16, 5, activation="tanh", name="c3"))
model.add(AveragePooling2D(2, name="s4"))
model.add(Conv2D(120, 5, activation="tanh", name="c5"))
model.add(Flatten())
model.add(Dense(84, activation="tanh", name="f6"))
model.add(Dropout(0.2))
model.add(Dense(10, activation="softmax", name="output"))

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

if __name__ == "__main__":
    import keras

    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    x_train, x_test = x_train[..., None] / 255.0, x_test[..., None] / 255.0
    model.summary()
    model.fit(x_train, y_train, batch_size=32, epochs=5, validation_data=(x_test, y_test))
