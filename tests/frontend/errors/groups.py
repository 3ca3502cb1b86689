from keras import Input, Model, Sequential
from keras.layers import Conv2D

model = Sequential([Input((8, 8, 4)), Conv2D(4, 3, groups=3)])
