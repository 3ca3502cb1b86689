# Models inside of models: their layers become part of the one graph, and the order is Keras's.
from keras import Input, Model, Sequential
from keras.layers import Add, BatchNormalization, Concatenate, Dense, Dropout

base = Sequential([Dense(6, activation="relu"), BatchNormalization(), Dense(6)], name="base")
a = Input((4,), name="a")
b = Input((4,), name="b")
left, right = base(a), base(b, training=False)
pair_input = Input((6,), name="pair_input")
pair = Model(pair_input, [Dense(2, name="p")(pair_input), Dense(3, name="q")(pair_input)], name="pair")
p, q = pair(Add(name="sum")([left, right]))
for layer in base.layers[:2]:
    layer.trainable = False
head = Sequential([pair.get_layer("p"), Dense(2, name="p2")], name="head")
model = Model(
    inputs={"b": b, "a": a},
    outputs={"second": Concatenate()([p, q]), "first": head(base.output if False else left)},
)
model.compile(
    "sgd",
    loss={"first": "mse", "second": "bce"},
    loss_weights={"second": 0.25},
    metrics={"first": ["accuracy"]},
)
