"""What lathe cannot do goes to Keras: one warning with the reason, and Keras's result."""
import unittest
import warnings

import numpy as np

from common import BATCH, WEIGHT, X, Y, Case, dense, keras, lathe_nn, pair

layers, optimizers = keras.layers, keras.optimizers
HOT = np.eye(4, dtype=np.float32)[Y]


def with_layer(layer):
    def make():
        model = keras.Sequential([layers.Input((6,)), layer(), layers.Dense(4, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model
    return make


class OwnStep(keras.Sequential):
    def train_step(self, *arguments):
        return super().train_step(*arguments)


def own_step():
    model = OwnStep([layers.Input((6,)), layers.Dense(4, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4, "softmax")

    def call(self, x):
        return self.dense(x)


def subclassed():
    model = Subclassed()
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def excluded():
    optimizer = optimizers.AdamW(0.01)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def sequence():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return X[i::2], Y[i::2]
    return Batches()


# name: model, data of fit, arguments of fit, part of the warning
FITS = {
    "layer": (with_layer(lambda: layers.Lambda(lambda x: x * 2)), (X, Y), {}, "unsupported layer class Lambda"),
    "layer_argument": (with_layer(lambda: layers.Dense(3, activity_regularizer="l2")), (X, Y), {},
                       "activity_regularizer"),
    "mixed": (with_layer(lambda: layers.Dense(3, dtype="mixed_bfloat16")), (X, Y), {}, "mixed_bfloat16"),
    "loss": (lambda: dense(None, "mae"), (X, HOT), {}, "unknown loss 'mae'"),
    "loss_argument": (lambda: dense(None, keras.losses.CategoricalCrossentropy(label_smoothing=0.1)), (X, HOT), {},
                      "label_smoothing=0.1"),
    "metric": (lambda: dense(None, "mse", ["mae"]), (X, HOT), {}, "unknown metric 'mae'"),
    "metrics": (lambda: dense(None, "mse", ["mae", "mse"]), (X, HOT), {}, "one metric is supported"),
    "wrong_accuracy": (lambda: dense(metrics=["categorical_accuracy"]), (X, Y), {}, "CategoricalAccuracy"),
    "weighted_metrics": (lambda: dense(weighted_metrics=["accuracy"]), (X, Y), {}, "weighted_metrics"),
    "optimizer": (lambda: dense(lambda: optimizers.Adagrad(0.01)), (X, Y), {}, "unknown optimizer 'Adagrad'"),
    "ema": (lambda: dense(lambda: optimizers.SGD(0.1, use_ema=True)), (X, Y), {}, "use_ema=True"),
    "excluded": (lambda: dense(excluded), (X, Y), {}, "exclude_from_weight_decay"),
    "rate": (lambda: dense(lambda: optimizers.SGD(lambda: 0.1)), (X, Y), {}, ""),
    "eager": (lambda: dense(run_eagerly=True), (X, Y), {}, "run_eagerly"),
    "execution": (lambda: dense(steps_per_execution=2), (X, Y), {}, "steps_per_execution=2"),
    "own_step": (own_step, (X, Y), {}, "OwnStep has its own train_step"),
    "subclassed": (subclassed, (X, Y), {}, "neither Sequential nor"),
    "dataset": (dense, (sequence(),), {}, "x is of type Batches"),
    "steps": (dense, (X, Y), {"steps_per_epoch": 2}, "the argument steps_per_epoch"),
    "soft_labels": (lambda: dense(None, "categorical_crossentropy"), (X, HOT * 0.8 + 0.05), {}, "not one-hot"),
}


class Fallback(Case):
    def warned(self, function, *arguments, **named):
        """The result, and the texts of the fallback warnings."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = function(*arguments, **named)
        caught = [w for w in caught if w.category is lathe_nn.FallbackWarning]
        self.place = caught[0].filename if caught else None
        return result, [str(w.message) for w in caught]

    def test_fit(self):
        for name, (make, data, arguments, part) in FITS.items():
            with self.subTest(name):
                keras_model, model = pair(make)
                arguments = dict(shuffle=False, verbose=0, **arguments)
                if len(data) > 1:
                    arguments["batch_size"] = BATCH
                # Keras's second fit with use_ema fails by itself.
                for time in range(1 if name == "ema" else 2):
                    got, texts = self.warned(model.fit, *data, **arguments)
                    self.assert_history(got.history, keras_model.fit(*data, **arguments).history)
                    self.assertEqual(len(texts), 1 if time == 0 else 0, texts)
                    if time == 0:
                        self.assertIn(part, texts[0])
                        self.assertNotIn("/tmp", texts[0])
                        self.assertEqual(self.place, __file__)
                self.assert_same_state(model, keras_model)

    def test_predict_without_training(self):
        """A loss that lathe does not have is no reason to predict in Keras."""
        keras_model, model = pair(dense, None, "mae")
        got, texts = self.warned(model.predict, X, verbose=0)
        self.assertEqual(texts, [])
        np.testing.assert_allclose(got, keras_model.predict(X, verbose=0), atol=1e-6)

    def test_not_compiled(self):
        model = lathe_nn.accelerate(keras.Sequential([layers.Input((6,)), layers.Dense(2)]))
        self.assertEqual(self.warned(model.predict, X, verbose=0)[1], [])
        with self.assertRaisesRegex(ValueError, "compile"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, Y)

    def test_keras_reports_mistakes(self):
        model = pair(dense)[1]
        warnings.simplefilter("ignore", lathe_nn.FallbackWarning)
        for arguments in ({"x": X, "y": Y[:3]}, {"x": X[:, :4], "y": Y}, {"validation_split": 0.5},
                          {"x": X, "y": Y, "validation_split": 1.0},
                          {"x": X, "y": Y, "class_weight": {0: 1.0}, "sample_weight": WEIGHT}):
            with self.assertRaises((ValueError, KeyError)):
                model.fit(verbose=0, **arguments)
        with self.assertRaises(TypeError):
            model.fit(X, Y, batches=3)

    def test_back_to_lathe(self):
        """A fallback is for one call: the next one runs in C, with what Keras's left behind."""
        models = pair(dense)
        self.assert_same_fit(models, X, Y)
        _, texts = self.warned(models[1].fit, sequence(), verbose=0, shuffle=False)
        self.assertEqual(len(texts), 1)
        models[0].fit(sequence(), verbose=0, shuffle=False)
        self.assert_same_fit(models, X, Y)


if __name__ == "__main__":
    unittest.main()
