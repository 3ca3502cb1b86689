from keras import Sequential
from keras.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, ReLU

model = Sequential([
    Input((8, 8, 1)),
    Conv2D(6, 3, use_bias=False),
    BatchNormalization(),
    ReLU(),
    Conv2D(8, 3, strides=2, use_bias=False),
    BatchNormalization(),
    ReLU(),
    Flatten(),
    Dense(10, activation="softmax"),
])
model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
