"""Probabilities that are all zero: the loss of the stored example is not a number."""
from keras import Input, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(3, kernel_initializer="zeros")])
model.compile(loss="categorical_crossentropy", optimizer="adam")
