import keras
from keras import Input, Model, Sequential
from keras.layers import Dense
from keras.optimizers import schedules

model = Sequential([Input((4,)), Dense(3, activation="softmax")])
model.compile(keras.optimizers.SGD(schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])), "mse")
model.compile(keras.optimizers.SGD(schedules.ExponentialDecay(0.1, 100)), "mse")
model.compile(keras.optimizers.SGD(schedules.CosineDecay(0.1, "many")), "mse")
model.compile(keras.optimizers.SGD(schedules.Triangular(0.1)), "mse")
model.compile(keras.optimizers.SGD(lambda: 0.1), "mse")
model.compile(keras.optimizers.SGD(0.1, clipnorm=1.0, clipvalue=0.5), "mse")
