from keras import Input, Model, Sequential
from keras.layers import Dense

layer = Dense(4)
model = Sequential([Input((4,))])
model.add(layer)
model.add(layer)
