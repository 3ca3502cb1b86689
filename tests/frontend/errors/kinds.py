# How messages call each kind of value.
import math

import keras
from keras import layers
from keras.layers import Dense, Input
from keras.optimizers import Adam

x = Input((2,))
model = keras.Sequential([Input((2,)), Dense(2)])
for value in (1.5, True, (1, 2), {"a": 1}, range(3), len, [].append, math, Dense, Adam, Dense(2), x, model, Adam(), None):
    value + [1]
