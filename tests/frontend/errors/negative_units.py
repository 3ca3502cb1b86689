from keras import Input, Model, Sequential
from keras.layers import Dense, Conv2D

model = Sequential([Input((4,)), Dense(-3)])
other = Conv2D(4, (3, -1), strides=0)
