from keras import Input, Model, Sequential
from keras.layers import BatchNormalization

model = Sequential([Input((8, 8, 3)), BatchNormalization(axis=4)])
