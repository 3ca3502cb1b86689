from keras import Input, Model, Sequential
from keras.layers import Conv2D

model = Sequential([Input((8, 8, 1)), Conv2D(nb_filter=3, kernel_size=3)])
