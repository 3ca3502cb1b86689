"""Models that Keras saved, through lathe, back in Keras: the same outputs, and training goes on from
the same optimizer state."""
import unittest

from files import *


def functional():
    x = layers.Input((8, 8, 3), name="in")
    a = layers.Conv2D(4, 3, padding="same", name="first")(x)
    b = layers.BatchNormalization(momentum=0.9)(a)
    y = layers.Activation("relu")(layers.Add()([a, b]))
    inner = keras.Sequential([layers.Input((8, 8, 4)), layers.Conv2D(2, 3, use_bias=False),
                              layers.BatchNormalization()], name="inner")
    y = layers.Flatten()(inner(y))
    shared = layers.Dense(72, activation="tanh", name="shared")
    y = shared(shared(y))
    y = layers.Dense(3, activation="softmax", name="out")(y)
    m = keras.Model(x, y, name="net")
    m.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return m, (8, 8, 3), np.eye(3)[np.arange(8) % 3]


def sequential():
    m = keras.Sequential([layers.Input((6,)),
                          layers.Dense(5, activation="tanh", kernel_initializer="he_normal"),
                          layers.Dropout(0.0), layers.Dense(4)])
    m.compile(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
              keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return m, (6,), np.arange(8) % 4


def regression():
    m = keras.Sequential([layers.Input((6,)), layers.Dense(5, activation="tanh", use_bias=False),
                          layers.Dense(1)])
    m.compile(keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True), "mean_squared_error")
    return m, (6,), np.linspace(-1, 1, 8).reshape(8, 1)


def frozen():
    m = keras.Sequential([layers.Input((6,)), layers.Dense(5, activation="relu", trainable=False),
                          layers.Dense(3, activation="softmax")])
    m.compile(keras.optimizers.Adam(0.01, amsgrad=True), "sparse_categorical_crossentropy")
    return m, (6,), np.arange(8) % 3


def two_ends():
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    twin = keras.Sequential([layers.Input((4,)), layers.Dense(3, activation="tanh")], name="twin")
    s = layers.Add()([twin(a), twin(b)])
    return keras.Model([a, b], [layers.Dense(2, name="p")(s), layers.Dense(1, name="q")(s)])


MODELS = {"functional": functional, "sequential": sequential, "regression": regression,
          "frozen": frozen}
cases = {}


def trained(name):
    """(model after some steps, inputs, labels); its files NAME.keras, .h5 and .weights.h5."""
    if name not in cases:
        keras.utils.set_random_seed(1)
        m, shape, y = MODELS[name]()
        x = np.random.default_rng(2).normal(size=(8, *shape)).astype("float32")
        m.fit(x, y, epochs=3, batch_size=4, verbose=0)
        for ending in (".keras", ".h5"):
            m.save(path(name + ending))
        m.save_weights(path(name + ".weights.h5"))
        cases[name] = m, x, y
    return cases[name]


def step(model, x, y):
    model.fit(x, y, epochs=1, batch_size=len(x), shuffle=False, verbose=0)
    return [np.asarray(v) for v in model.weights + model.optimizer.variables]


class RoundTrip(unittest.TestCase):
    def test_outputs(self):
        for name in MODELS:
            model, x, _ = trained(name)
            for source in (".keras", ".h5"):
                for target in (".keras", ".h5"):
                    with self.subTest(model=name, source=source, target=target):
                        again = converted(path(name + source), "again" + target)
                        same(self, outputs(model, x), outputs(again, x))

    def test_weights_files(self):
        for name in MODELS:
            model, x, _ = trained(name)
            for weights in (name + ".weights.h5", name + ".h5", name + ".keras"):
                with self.subTest(model=name, weights=weights):
                    config = path(name + ".json")
                    with open(config, "w") as f:
                        f.write(model.to_json())
                    again = converted(config, "again.keras", "--weights", path(weights))
                    same(self, outputs(model, x), outputs(again, x))
            with self.subTest(model=name, target=".weights.h5"):
                lathe("convert", path(name + ".keras"), path("out.weights.h5"))
                again = keras.models.clone_model(model)
                again.load_weights(path("out.weights.h5"))
                same(self, outputs(model, x), outputs(again, x))

    def test_training_goes_on(self):
        """One step more by Keras, from its own file and from lathe's: all weights and slots equal."""
        for name in MODELS:
            _, x, y = trained(name)
            expected = step(keras.models.load_model(path(name + ".keras")), x, y)
            for source in (".keras", ".h5") if name == "functional" else (".keras",):
                with self.subTest(model=name, source=source):
                    actual = step(converted(path(name + source)), x, y)
                    self.assertEqual(len(expected), len(actual))
                    for a, b in zip(expected, actual):
                        np.testing.assert_array_equal(a, b)

    def test_lathe_trains_on(self):
        """One step more by `lathe train`, against Keras's: weights, statistics and slots."""
        for name in ("functional", "sequential"):
            with self.subTest(model=name):
                _, x, y = trained(name)
                labels = y.argmax(1) if y.ndim > 1 else y
                np.savez(path("data.npz"), x_train=x, y_train=labels.astype("int64"),
                         x_test=x, y_test=labels.astype("int64"))
                expected = step(keras.models.load_model(path(name + ".keras")), x, y)
                lathe("train", path(name + ".keras"), "--data", path("data.npz"), "--epochs", "1",
                      "--batch", "8", "--exact", "-o", path("trained.keras"))
                again = keras.models.load_model(path("trained.keras"))
                actual = [np.asarray(v) for v in again.weights + again.optimizer.variables]
                self.assertEqual(len(expected), len(actual))
                for a, b in zip(expected, actual):
                    np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * max(1e-3, abs(a).max()))

    def test_several_inputs_and_outputs(self):
        m = two_ends()
        draw(m)
        m.save(path("two.keras"))
        x = [np.random.default_rng(i).normal(size=(5, 4)).astype("float32") for i in range(2)]
        same(self, outputs(m, x), outputs(converted(path("two.keras")), x))

    def test_generated_code(self):
        model, x, _ = trained("functional")
        np.save(path("x.npy"), x)
        for source in (".keras", ".h5"):
            lathe("predict", path("functional" + source), "--weights",
                  path("functional" + source), "--input", path("x.npy"), "--output",
                  path("y.npy"))
            expected = outputs(model, x)[0]
            error = abs(np.load(path("y.npy")) - expected).max() / abs(expected).max()
            self.assertLess(error, 1e-3)

    def test_safetensors(self):
        model, x, _ = trained("functional")
        lathe("convert", path("functional.keras"), path("out.safetensors"))
        with open(path("functional.json"), "w") as f:
            f.write(model.to_json())
        again = converted(path("functional.json"), "again.keras", "--weights",
                          path("out.safetensors"))
        same(self, outputs(model, x), outputs(again, x))

    def test_script_and_config_agree(self):
        """A script's model, written as .keras and read again: the same table."""
        script = path("script.py")
        with open(script, "w") as f:
            f.write("from keras import Sequential, layers\nfrom keras.optimizers import Adam\n"
                    "model = Sequential([layers.Input((8, 8, 3)),\n"
                    "    layers.Conv2D(4, (3, 3), activation='relu', padding='same'),\n"
                    "    layers.MaxPooling2D(), layers.Flatten(), layers.Dense(3, 'softmax')])\n"
                    "model.compile(optimizer=Adam(learning_rate=0.002),\n"
                    "    loss='categorical_crossentropy', metrics=['accuracy'])\n")
        lathe("convert", script, path("script.keras"))
        model = keras.models.load_model(path("script.keras"))
        self.assertAlmostEqual(float(model.optimizer.learning_rate), 0.002, places=6)
        self.assertEqual(model.loss, "categorical_crossentropy")
        self.assertEqual(lathe("summary", script), lathe("summary", path("script.keras")))

    def test_equal_bytes(self):
        trained("functional")
        for target in ("a.keras", "b.keras"):
            lathe("convert", path("functional.keras"), path(target))
        with open(path("a.keras"), "rb") as a, open(path("b.keras"), "rb") as b:
            self.assertEqual(a.read(), b.read())


if __name__ == "__main__":
    unittest.main()
