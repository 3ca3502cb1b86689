# One layer called twice shares its weights; branches come in Keras's order.
from keras import Input, Model
from keras.layers import Add, Dense, ReLU

inputs = Input((8,))
shared = Dense(8, name="shared")
a = shared(inputs)
b = Dense(8, name="b")(ReLU()(a))
c = shared(b)
d = Dense(8, name="d")(inputs)
model = Model([inputs], [Add()([c, d, a])])
