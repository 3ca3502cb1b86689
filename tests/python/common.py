"""What the tests share: the package on the path, tiny models in two equal copies, one for Keras and one
accelerated, and comparisons of everything that training changes."""
import os
import sys
import unittest
import warnings

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

import lathe_nn  # noqa: E402

# float32 matrix products in full precision, as lathe has them.
jax.config.update("jax_default_matmul_precision", "highest")

HISTORY, WEIGHTS = 2e-4, 2e-4
SAMPLES, BATCH = 50, 16

random = np.random.default_rng(5)
X = random.normal(size=(SAMPLES, 6)).astype(np.float32)
Y = (X @ random.normal(size=(6, 4)) + random.normal(size=(SAMPLES, 4))).argmax(1)
WEIGHT = random.uniform(0, 3, SAMPLES).astype(np.float32)


def dense(optimizer=None, loss="sparse_categorical_crossentropy", metrics=("accuracy",), **settings):
    """Convex, so that rounding does not grow."""
    model = keras.Sequential([keras.layers.Input((6,), name="x"), keras.layers.Dense(4, "softmax", name="d")],
                             name="dense")
    model.layers[0].set_weights([np.linspace(-0.3, 0.3, 24, dtype=np.float32).reshape(6, 4),
                                 np.zeros(4, np.float32)])
    model.compile(optimizer() if optimizer else keras.optimizers.Adam(0.05), loss, metrics=list(metrics),
                  **settings)
    return model


def pair(make, *arguments, **named):
    """Two equal models: for Keras, and accelerated."""
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        models.append(make(*arguments, **named))
    return models[0], lathe_nn.accelerate(models[1])


class Case(unittest.TestCase):
    def setUp(self):
        # A fallback that a test does not expect is a failure.
        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("error", lathe_nn.FallbackWarning)
        self.addCleanup(self._caught.__exit__, None, None, None)

    def assert_history(self, got, want):
        self.assertEqual(list(got), list(want))
        for key in want:
            self.assertEqual(len(got[key]), len(want[key]), key)
            np.testing.assert_allclose(got[key], want[key], HISTORY, HISTORY, err_msg=key)

    def assert_same_state(self, got, want):
        """Weights, statistics, slots, iterations and learning rate."""
        for g, w in zip(got.weights + got.optimizer.variables, want.weights + want.optimizer.variables,
                        strict=True):
            w = keras.ops.convert_to_numpy(w)
            np.testing.assert_allclose(keras.ops.convert_to_numpy(g), w, WEIGHTS,
                                       WEIGHTS * max(1e-3, np.abs(w).max()), err_msg=g.path)

    def assert_same_fit(self, models, *data, times=1, **arguments):
        """fit of both, with equal histories and states; what they returned."""
        arguments = {"shuffle": False, "verbose": 0, "batch_size": BATCH, "epochs": 3, **arguments}
        for _ in range(times):
            histories = [model.fit(*data, **{name: value() if callable(value) else value
                                             for name, value in arguments.items()}) for model in models]
            self.assert_history(histories[1].history, histories[0].history)
            self.assert_same_state(models[1], models[0])
        return histories
