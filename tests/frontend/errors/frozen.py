from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(3, trainable="no")])
model.layers[0].trainable = 5
