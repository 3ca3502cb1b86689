from keras import Sequential
from keras.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D

# Kernels in panels of 4, 8 and 16, by Winograd and directly; dense layers over pixels and over samples.
model = Sequential([
    Input((18, 18, 3)),
    Conv2D(16, 5, activation="relu"),
    Conv2D(32, 3, padding="same", activation="relu"),
    MaxPooling2D(),
    Dense(24, activation="relu"),
    Conv2D(16, 3, groups=4, activation="tanh"),
    Flatten(),
    Dense(150, activation="relu"),
    Dense(7, activation="tanh"),
    Dense(3, activation="softmax"),
])
