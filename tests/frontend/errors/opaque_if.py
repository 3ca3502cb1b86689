import os
from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(3)])
if os.environ.get("BIG"):
    model.add(Dense(100))
