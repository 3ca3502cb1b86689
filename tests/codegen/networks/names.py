"""Layers whose names mean something in C, or differ only in what C cannot spell."""
from keras import Sequential
from keras.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, ReLU

model = Sequential([
    Input(shape=(6, 6, 3), name="static const"),
    Conv2D(4, 3, name='quote " \\ and \' and *? end'),
    BatchNormalization(name="*) {} ; #define x y"),
    ReLU(name="?? ??' ??= ??> ??)"),
    Flatten(name="%s%n%d"),
    Dense(4, name="int"),
    Dense(4, name="é 漢字"),
    Dense(4, name="a b"),
    Dense(4, name="a_b"),
    Dense(4, name="a-b"),
    Dense(4, activation="softmax", name="x" * 200),
], name="a \"model\" ??/ * \\")
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
