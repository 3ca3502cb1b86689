from keras import Input, Model, Sequential
from keras.layers import Dense

inputs = Input((8,))
model = Model(inputs, Dense(3)(inputs) + Dense(4)(inputs))
