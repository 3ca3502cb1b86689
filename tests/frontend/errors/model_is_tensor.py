from keras import Input, Model, Sequential
from keras.layers import Dense

model = Dense(3)(Input((4,)))
