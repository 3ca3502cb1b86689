from keras import Input, Model, Sequential
from keras.layers import Dense

x = Dense(3)(5)
y = Dense(3)([1, 2])
z = Dense(3)()
w = Dense(3)(Input((4,)), training=True)
