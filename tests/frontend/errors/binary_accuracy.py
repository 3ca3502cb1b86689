from keras import Input, Sequential
from keras.layers import Dense

model = Sequential([Input((2,)), Dense(3)])
model.compile(loss="categorical_crossentropy", metrics=["binary_accuracy"])
