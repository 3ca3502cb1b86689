import keras
from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([
    Input((4,)),
    Dense(3, kernel_initializer="glorot"),
    Dense(3, kernel_initializer=keras.initializers.Orthogonal()),
    Dense(3, kernel_initializer=keras.initializers.RandomNormal(stddev=-1)),
    Dense(3, bias_initializer=0),
])
