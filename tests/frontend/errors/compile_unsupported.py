import keras
from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(3, activation="softmax")])
model.compile(keras.optimizers.Adam(clipnorm=1.0, use_ema=True), "mse")
model.compile(keras.optimizers.Lion(), "mse")
