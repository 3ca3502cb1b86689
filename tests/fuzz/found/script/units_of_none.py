from keras import Input, Model
from keras.layers import Dense
i = Input((4,))
d = Dense(3)
x = d(i)
y = Dense(d.output.shape[-0])(x)
model = Model(i, y)
