from keras import Input, Model, Sequential
from keras.layers import Dense

net = Sequential([Input((4,)), Dense(3)])
encoder = Sequential([Input((4,)), Dense(3)])
