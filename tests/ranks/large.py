from keras import Sequential
from keras.layers import Dense, Flatten, Input

model = Sequential([
    Input((8, 8, 1)),
    Flatten(),
    Dense(1024, activation="relu"),
    Dense(1200, activation="relu"),
    Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
