from keras import Input, Model, Sequential
from keras.layers import Dense

inner = Sequential([Input((4,)), Dense(3)], name="inner")
x = Input((5,))
y = inner(x)
model = Model(x, inner([x, x]))
