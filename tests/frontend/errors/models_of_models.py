import keras
from keras import Input, Model, Sequential
from keras.layers import Dense

x = Input((2,), name="x")
same = Sequential([Input((2,), name="y"), Dense(2, name="y")])
y = Dense(2)(x)
two = Model(x, [y, Dense(3)(x)])
Sequential([two, Dense(2)])
Sequential([Input((2,)), two, Dense(2)])
Sequential([3])
Sequential(3)
Sequential().pop()
Model(3, y)
Model(x, "y")
Model({1: x}, y)
Model([], y)
Model(y, y)
