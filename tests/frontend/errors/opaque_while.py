from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,))])
n = 3
while n > 0:
    model.add(Dense(n))
    n -= 1
