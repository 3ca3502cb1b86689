from keras import Input, Model, Sequential
from keras.layers import Dense

for i in range(1000):
    Dense(0)
