"""The accelerated fit, evaluate and predict against Keras's own, from equal weights and on equal batches."""
import copy
import os
import pickle
import tempfile
import unittest
from unittest import mock

import numpy as np

from common import BATCH, SAMPLES, WEIGHT, X, Y, Case, dense, keras, lathe_nn, pair, random

layers, optimizers = keras.layers, keras.optimizers

OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.2),
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.8, nesterov=True),
    "rmsprop": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True, epsilon=1e-3),
    "adam": lambda: optimizers.Adam(0.05, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.05, weight_decay=0.1, clipnorm=0.5),
    "accumulate": lambda: optimizers.SGD(0.3, momentum=0.9, gradient_accumulation_steps=3),
    "schedule": lambda: optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 9, warmup_target=0.2, warmup_steps=3)),
    "piecewise": lambda: optimizers.SGD(optimizers.schedules.PiecewiseConstantDecay([2, 5], [0.3, 0.1, 0.2])),
    "own_schedule": lambda: optimizers.SGD(Halving()),
}


class Halving(optimizers.schedules.LearningRateSchedule):
    """Takes one step at a time only."""

    def __call__(self, step):
        return keras.ops.cond(step < 4, lambda: 0.4, lambda: 0.2)

    def get_config(self):
        return {}


def convolution():
    model = keras.Sequential([
        layers.Input((6, 6, 2)), layers.Conv2D(4, 3, activation="tanh"), layers.BatchNormalization(),
        layers.Flatten(), layers.Dense(3, kernel_regularizer="l2")])
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["acc"])
    return model


def several(loss):
    a, b = layers.Input((3,), name="a"), layers.Input((2,), name="b")
    h = layers.Concatenate()([layers.Dense(4, "tanh")(a), b])
    outputs = [layers.Dense(4, "softmax", name="kind")(h), layers.Dense(1, "sigmoid", name="yes")(h),
               layers.Dense(2, name="free")(h)]
    model = keras.Model([a, b], outputs)
    if loss == "list":
        model.compile("adam", ["sparse_categorical_crossentropy", "binary_crossentropy", "mse"],
                      loss_weights=[1.0, 0.5, 2.0], metrics=[["accuracy"], ["accuracy"], None])
    else:
        model.compile("adam", {"yes": "binary_crossentropy", "kind": "sparse_categorical_crossentropy",
                               "free": "mse"}, metrics={"yes": ["accuracy"]})
    return model


def nested():
    base = keras.Sequential([layers.Input((6,)), layers.Dense(5, name="inside"), layers.BatchNormalization()],
                            name="base")
    base.layers[0].trainable = False
    model = keras.Sequential([base, layers.Dense(4, "softmax")])
    model.compile(optimizers.SGD(0.1, momentum=0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


IMAGES = random.normal(size=(20, 6, 6, 2)).astype(np.float32)
KINDS = np.eye(3)[random.integers(0, 3, 20)]


class Fit(Case):
    def test_optimizers(self):
        for name, optimizer in OPTIMIZERS.items():
            with self.subTest(name):
                self.assert_same_fit(pair(dense, optimizer), X, Y, times=2, validation_split=0.3)

    def test_convolution(self):
        models = pair(convolution)
        self.assert_same_fit(models, IMAGES, KINDS, batch_size=8, times=2,
                             validation_data=(IMAGES[:7], KINDS[:7]))
        np.testing.assert_allclose(models[1].evaluate(IMAGES, KINDS, verbose=0),
                                   models[0].evaluate(IMAGES, KINDS, verbose=0), 1e-4)

    def test_nested(self):
        models = pair(nested)
        self.assert_same_fit(models, X, Y)
        np.testing.assert_allclose(models[1].predict(X, verbose=0), models[0].predict(X, verbose=0), atol=1e-5)

    def test_several_outputs(self):
        x = [X[:, :3], X[:, 3:5]]
        y = [Y, (Y > 1).astype(np.float32), X[:, 4:]]
        names = ("kind", "yes", "free")
        for loss, given_x, given_y in (("list", x, y), ("list", dict(zip("ab", x)), tuple(y)),
                                       ("dict", x, dict(zip(names, y)))):
            with self.subTest(loss):
                models = pair(several, loss)
                # Keras itself cannot bring one weight to the losses of a dictionary.
                weight = WEIGHT if loss == "list" else None
                self.assert_same_fit(models, given_x, given_y, validation_split=0.2, sample_weight=weight)
                got, want = (m.evaluate(given_x, given_y, verbose=0, return_dict=True) for m in reversed(models))
                self.assertEqual(list(got), list(want))
                np.testing.assert_allclose(list(got.values()), list(want.values()), 1e-4)
                for g, w in zip(models[1].predict(given_x, verbose=0), models[0].predict(given_x, verbose=0),
                                strict=True):
                    np.testing.assert_allclose(g, w, atol=1e-5)

    def test_arguments(self):
        for arguments in ({"class_weight": {0: 0.2, 1: 3, 3: 1.5}}, {"sample_weight": WEIGHT},
                          {"sample_weight": WEIGHT[:, None], "validation_data": (X[:9], Y[:9], WEIGHT[:9])},
                          {"validation_data": (X, Y), "validation_freq": 2, "validation_batch_size": 7},
                          {"validation_split": 0.5, "validation_freq": [1, 3], "initial_epoch": 1},
                          {"batch_size": None}, {"epochs": 0}):
            with self.subTest(str(list(arguments))):
                self.assert_same_fit(pair(dense), X, Y, **arguments)

    def test_in_place(self):
        """Backends that change variables in place, as TensorFlow and PyTorch do."""
        with mock.patch("lathe_nn.variables.REPLACING", ()):
            self.assert_same_fit(pair(dense), X, Y, epochs=4, validation_split=0.2)

    def test_types(self):
        """Other types and shapes of the same data."""
        for x, y in ((X.astype(np.float64), Y[:, None]), (np.asfortranarray(X), Y.astype(np.uint8)),
                     (keras.ops.convert_to_tensor(X), Y.astype(np.float32)), ((X * 9).astype(np.uint8), Y),
                     (X[::2], Y[::2])):
            with self.subTest(str(type(x))):
                self.assert_same_fit(pair(dense), x, y)

    def test_losses(self):
        hot = np.eye(4, dtype=np.float32)[Y]
        for loss, metrics in (("categorical_crossentropy", ("accuracy",)), ("mse", ()),
                              ("mse", ("binary_accuracy",)), ("binary_crossentropy", ("binary_accuracy",))):
            with self.subTest(loss):
                self.assert_same_fit(pair(dense, None, loss, metrics), X, hot)

    def test_unbuilt(self):
        def make():
            model = keras.Sequential([layers.Dense(4, "softmax", kernel_initializer="zeros")])
            model.compile("adam", "sparse_categorical_crossentropy")
            return model
        self.assert_same_fit(pair(make), X, Y)

    def test_evaluate(self):
        models = pair(dense)
        for arguments in ({}, {"batch_size": 7, "return_dict": True}, {"sample_weight": WEIGHT}):
            got, want = (m.evaluate(X, Y, verbose=0, **arguments) for m in reversed(models))
            if isinstance(want, dict):
                self.assertEqual(list(got), list(want))
                got, want = list(got.values()), list(want.values())
            np.testing.assert_allclose(got, want, 1e-5)

    def test_predict_follows_weights(self):
        keras_model, model = pair(dense)
        for step in range(3):
            for batch in (None, 3, 100):
                np.testing.assert_allclose(model.predict(X, batch, verbose=0),
                                           keras_model.predict(X, batch, verbose=0), atol=1e-6)
            if step == 0:
                self.assert_same_fit((keras_model, model), X, Y, epochs=1)
            for m in (keras_model, model):
                m.set_weights([w * 2 for w in m.get_weights()])

    def test_recompile(self):
        """A new optimizer, a frozen layer."""
        models = pair(nested)
        self.assert_same_fit(models, X, Y, epochs=1)
        for m in models:
            m.layers[0].trainable = False
            m.compile("adam", "sparse_categorical_crossentropy")
        self.assert_same_fit(models, X, Y, epochs=2)

    def test_between_fits(self):
        """What happens to the Keras model between two calls is not lost."""
        models = pair(dense)
        self.assert_same_fit(models, X, Y)
        for m in models:
            m.set_weights([w * 0.5 for w in m.get_weights()])
            m.optimizer.learning_rate = 0.3
            m.train_on_batch(X[:4], Y[:4])
        self.assert_same_fit(models, X, Y)

    def test_shuffle(self):
        """Repeatable, and in fact shuffled; sometimes within batches only."""
        runs = {}
        for shuffle in (True, "batch", False):
            for again in range(2):
                model = pair(dense)[1]
                keras.utils.set_random_seed(8)
                model.fit(X, Y, batch_size=BATCH, shuffle=shuffle, verbose=0, epochs=2)
                runs[shuffle, again] = model.get_weights()[0]
            np.testing.assert_array_equal(runs[shuffle, 0], runs[shuffle, 1])
        self.assertGreater(np.abs(runs[True, 0] - runs[False, 0]).max(), 1e-4)
        np.testing.assert_allclose(runs["batch", 0], runs[False, 0], atol=1e-5)

    def test_dropout_is_seeded(self):
        def make():
            model = keras.Sequential([layers.Input((6,)), layers.Dropout(0.5), layers.Dense(4, "softmax")])
            model.compile("sgd", "sparse_categorical_crossentropy")
            return model
        runs = []
        for seed in (1, 1, 2):
            model = pair(make)[1]
            keras.utils.set_random_seed(seed)
            runs.append(model.fit(X, Y, shuffle=False, verbose=0).history["loss"][0])
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])


class Model(Case):
    """The accelerated model stays a Keras model."""

    def test_save(self):
        """Training goes on after loading as it would have without."""
        models = list(pair(dense))
        self.assert_same_fit(models, X, Y)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.keras")
            models[1].save(path)
            models[1] = lathe_nn.accelerate(keras.models.load_model(path))
        self.assert_same_fit(models, X, Y)

    def test_copies(self):
        """Copies are not accelerated, and can be."""
        model = pair(dense)[1]
        for other in (keras.models.clone_model(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            self.assertNotIn("fit", vars(other))
        model.fit(X, Y, verbose=0)

    def test_twice_and_restore(self):
        model = dense()
        self.assertIs(lathe_nn.accelerate(model), model)
        first = model.fit
        self.assertIs(lathe_nn.accelerate(model).fit, first)
        self.assertEqual(model.fit.__doc__, keras.Model.fit.__doc__)
        for _ in range(2):
            self.assertIs(lathe_nn.restore(model), model)
            self.assertIs(model.fit.__func__, keras.Model.fit)
        with self.assertRaises(TypeError):
            lathe_nn.accelerate("model")

    def test_samples(self):
        self.assertEqual(len(pair(dense)[1].predict(X, verbose=0)), SAMPLES)


if __name__ == "__main__":
    unittest.main()
