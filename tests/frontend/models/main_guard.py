import keras


def build(depth=2):
    """Builds the model."""
    model = keras.Sequential([keras.Input((4,))])
    for _ in range(depth):
        model.add(keras.layers.Dense(4, activation=keras.activations.tanh))
    return model


model = build(depth=3)

if __name__ == "__main__":
    raise SystemExit(model.undefined(1 / 0))
