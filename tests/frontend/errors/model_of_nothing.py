from keras import Input, Model

x = Input((2,))
model = Model(x, x)
