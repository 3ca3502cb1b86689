import os
from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,))])
for name in os.listdir("."):
    model.add(Dense(3))
