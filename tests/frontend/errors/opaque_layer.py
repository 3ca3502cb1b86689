import mylayers
from keras import Input, Model, Sequential
from keras.layers import Dense

inputs = Input((4,))
x = mylayers.Attention(3)(inputs)
x = Dense(3)(x)
model = Model(inputs, x)
