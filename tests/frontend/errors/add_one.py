from keras import Input, Model, Sequential
from keras.layers import Add, Dense

inputs = Input((8,))
model = Model(inputs, Add()(Dense(3)(inputs)))
