from keras import Input, Model, Sequential
from keras.layers import Conv2D

model = Sequential([Input((None, None, 3)), Conv2D(8, 3)])
