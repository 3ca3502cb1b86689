from keras import Input, Model, Sequential
from keras.layers import Dense

a = Input((4,))
model = Model(a, [Dense(3)(a), Dense(2)(a)])
