from keras import Model
from keras.layers import Concatenate, Dense, Input
from keras.optimizers import Adam

a, b = Input((12,), name="a"), Input((5,), name="b")
hidden = Dense(16, activation="tanh")(Concatenate()([a, b]))
left = Dense(3, activation="softmax", name="left")(hidden)
right = Dense(1, name="right")(hidden)
model = Model([a, b], [left, right])
model.compile(optimizer=Adam(0.01), loss=["sparse_categorical_crossentropy", "mse"], loss_weights=[1.0, 0.5],
              metrics=["accuracy", None])
