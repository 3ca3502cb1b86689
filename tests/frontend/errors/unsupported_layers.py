import keras
from keras import layers

model = keras.Sequential([
    keras.Input((8, 8, 3)),
    layers.Conv2DTranspose(4, 3),
    layers.LSTM(3),
    layers.Dense(0),
    layers.SeparableConv2D(4, 3),
])
