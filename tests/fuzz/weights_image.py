from keras import Sequential
from keras.layers import Conv2D, Dense, Flatten, Input

model = Sequential([
    Input((16, 16, 2)),
    Conv2D(4, 3, activation="relu"),
    Flatten(),
    Dense(24, activation="softmax"),
])
