from keras import Input, Model, Sequential
from keras.layers import Dense

for i in range(3):
        x = 1
    y = 2
