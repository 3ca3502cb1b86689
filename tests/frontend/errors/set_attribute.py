from keras import Input, Model, Sequential
from keras.layers import Dense

layer = Dense(3)
layer.trainable = False
model = Sequential([Input((4,)), layer])
