"""What `lathe reproduce` trains: a layer of each kind whose sums could differ between machines."""
from keras import Sequential
from keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D

model = Sequential([
    Input((10, 10, 3)),
    Conv2D(8, 3, padding="same", activation="relu"),
    MaxPooling2D(2),
    Conv2D(16, 3, padding="same", use_bias=False),
    BatchNormalization(),
    Flatten(),
    Dropout(0.25),
    Dense(32, activation="tanh"),
    Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
