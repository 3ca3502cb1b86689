from keras import Input, Model
from keras.layers import Dense

x = Input((5,))
y = Dense(3, name="left")(x)
z = Dense(3, name="right")(x)
two = Model(x, [y, z])
two.get_layer("rigth")
two.compile("sgd", loss={"lef": "mse"})
two.compile("sgd", loss=["mse"])
two.compile("sgd", loss="mse", loss_weights=0.5, metrics=["accuracy"])
model = Model([x, x], [y, z])
