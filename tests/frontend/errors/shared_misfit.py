from keras import Input, Model, Sequential
from keras.layers import Dense, Add

layer = Dense(4, name="shared")
a = Input((4,))
b = Dense(7)(layer(a))
model = Model(a, layer(b))
