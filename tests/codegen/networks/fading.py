"""Networks whose units die in the first steps, so that what the optimizers remember fades away."""
from keras import Sequential, optimizers
from keras.layers import Dense, Input


def fading(optimizer):
    model = Sequential([Input((8,)), Dense(24, activation="relu"), Dense(24, activation="relu"), Dense(4, activation="softmax")])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    return model


adam = fading(optimizers.Adam(1.0))
rmsprop = fading(optimizers.RMSprop(1.0, momentum=0.9, centered=True))
sgd = fading(optimizers.SGD(1.0, momentum=0.9))
