from keras import Input, Model, Sequential
from keras.layers import Dense

a = Input((4,), name="a")
b = Input((4,), name="b")
model = Model(a, Dense(3)(b))
