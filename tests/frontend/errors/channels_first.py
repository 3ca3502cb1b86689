from keras import Input, Model, Sequential
from keras.layers import Conv2D

model = Sequential([Input((3, 8, 8)), Conv2D(4, 3, data_format="channels_first")])
