import keras
from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(3, activation="softmax")])
schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 100, 0.9)
model.compile(keras.optimizers.SGD(schedule), "mse")
