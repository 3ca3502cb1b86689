import keras
from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(3, activation="softmax")])
model.compile("adam", "mse", metrics=["accuracy", "mae"])
model.compile("adam", "mse", metrics=["auc"])
model.compile("adam", "mse", metrics=[keras.metrics.TopKCategoricalAccuracy()])
