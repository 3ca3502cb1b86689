from keras import Input, Model, Sequential
from keras.layers import Conv2D, Dense, Dropout, AveragePooling2D

model = Sequential([
    Input((8, 8, 1)),
    Conv2D(3),
    AveragePooling2D(),
    Dropout(),
    Dense(),
])
