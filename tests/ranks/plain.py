from keras import Sequential, regularizers
from keras.layers import Conv2D, Dense, Dropout, Flatten, Input
from keras.optimizers import SGD

model = Sequential([
    Input((8, 8, 1)),
    Conv2D(6, 3, activation="relu", kernel_regularizer=regularizers.L2(1e-3)),
    Flatten(),
    Dropout(0.3),
    Dense(20, activation="tanh"),
    Dense(10, activation="softmax"),
])
model.compile(optimizer=SGD(0.05, momentum=0.9, clipnorm=1.0), loss="sparse_categorical_crossentropy",
              metrics=["accuracy"])
