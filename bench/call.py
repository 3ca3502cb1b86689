"""A network with nothing to compute: bench/peers measures with it what a call of each system costs."""
from keras import Input, Sequential
from keras.layers import Dense, Flatten

model = Sequential([Input((1, 1, 1)), Flatten(), Dense(10, name="dense")])
