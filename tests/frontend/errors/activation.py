import keras
from keras import Input, Model, Sequential
from keras.layers import Dense, Activation

model = Sequential([
    Input((4,)),
    Dense(3, activation="rellu"),
    Dense(3, activation="glu"),
    Activation(keras.activations.sparsemax),
    Dense(3, activation=5),
    Activation(),
])
