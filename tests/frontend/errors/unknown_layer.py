from keras import Input, Model, Sequential
from keras.layers import Conv2D, Dens

model = Sequential([
    Input((8, 8, 3)),
    Conv2D(4, 3),
    Dens(10),
])
