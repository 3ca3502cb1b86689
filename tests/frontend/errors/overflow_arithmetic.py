from keras import Input, Model, Sequential
from keras.layers import Dense

n = 9223372036854775807 + 1
k = 2**70
m = -(-9223372036854775807 - 1)
model = Sequential([Input((4,)), Dense(n)])
