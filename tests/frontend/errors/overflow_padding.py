from keras import Input, Model, Sequential
from keras.layers import ZeroPadding2D

x = Input((8, 8, 3))
for _ in range(3):
    x = ZeroPadding2D(100000)(x)
model = Model(x, x)
