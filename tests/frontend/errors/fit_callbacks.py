import keras
from keras import callbacks
from keras.layers import Dense

model = keras.Sequential([keras.Input((4,)), Dense(3, activation="softmax")])
model.compile("sgd", "mse")
stop = callbacks.EarlyStopping(monitor="val_f1")
model.fit(x, y, epochs=undefined, callbacks=[
    stop,
    callbacks.EarlyStopping(patience=-1),
    callbacks.ReduceLROnPlateau(factor=2.0, mode="most"),
    callbacks.ReduceLROnPlateau(),
    callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch)),
])
