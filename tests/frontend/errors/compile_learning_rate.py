from keras.optimizers import SGD, Adam
from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(3, activation="softmax")])
model.compile(Adam(lr=0.1), "mse")
model.compile(SGD(0.1, momentun=0.9), "mse")
model.compile(SGD(-0.1, momentum=2), "mse")
