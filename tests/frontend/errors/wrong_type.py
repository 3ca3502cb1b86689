from keras import Input, Model, Sequential
from keras.layers import Conv2D, Dense

model = Sequential([
    Input((8, 8, 1)),
    Conv2D("three", 3),
    Conv2D(3, 2.5),
    Conv2D(3, (3, 3, 3)),
    Dense(10.0),
    Dense(True),
    Dense(3, use_bias="no"),
])
