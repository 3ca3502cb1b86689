from keras import Input, Model, Sequential
from keras.layers import Dense

a = Input((4,))
layer = Dense(4)
x = a
for i in range(20000):
    x = layer(x)
model = Model(a, x)
