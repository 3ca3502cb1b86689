from keras import Input, Model, Sequential
from keras.layers import Flatten

model = Sequential([Input((1000000, 1000000, 1000000)), Flatten()])
