"""Callbacks of an accelerated fit see and change what they would in Keras's own."""
import concurrent.futures
import contextlib
import csv
import io
import os
import re
import tempfile
import unittest

import numpy as np

from common import BATCH, SAMPLES, X, Y, Case, dense, keras, pair

callbacks, optimizers = keras.callbacks, keras.optimizers


class Recorder(callbacks.Callback):
    """Every hook with its batch or epoch and the names of its logs; in evaluate and predict as well."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __getattribute__(self, name):
        if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end"):
            def record(*arguments, **named):
                logs = named.get("logs") or next((a for a in arguments if isinstance(a, dict)), {})
                self.calls.append((name, [a for a in arguments if isinstance(a, int)], list(logs or [])))
            return record
        return super().__getattribute__(name)


class Weights(callbacks.Callback):
    """What the model's weights, slots and iterations are after chosen batches and epochs."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def look(self):
        model = self.model
        self.seen.append([np.array(keras.ops.convert_to_numpy(v)) for v in model.weights + model.optimizer.variables])

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            self.look()

    def on_epoch_end(self, epoch, logs=None):
        self.look()


class Meddler(callbacks.Callback):
    """Changes weights, learning rate and the end of training from within."""

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 2:
            self.model.set_weights([w * 0.7 for w in self.model.get_weights()])

    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.01 * (batch + 1)

    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[0].bias.assign(self.model.layers[0].bias + 0.1)

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 2


def output_of(function, *arguments, **named):
    """What is printed, without times and without the bar's intermediate states."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        function(*arguments, **named)
    lines = [re.split("[\b\r]+", line)[-1].rstrip() for line in text.getvalue().split("\n")]
    return re.sub(r"\d+(s|ms|us)(/step|/epoch)?\b", "T", "\n".join(lines))


class Callbacks(Case):
    def test_standard(self):
        sgd = lambda: optimizers.SGD(3.0)
        for name, make in {
                "stopping": lambda: [callbacks.EarlyStopping(patience=2, restore_best_weights=True)],
                "stopping_accuracy": lambda: callbacks.EarlyStopping("val_accuracy", patience=1, start_from_epoch=2),
                "plateau": lambda: [callbacks.ReduceLROnPlateau(factor=0.3, patience=1, min_lr=0.1)],
                "scheduler": lambda: [callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.8)],
                "nan": lambda: [callbacks.TerminateOnNaN()]}.items():
            with self.subTest(name):
                self.assert_same_fit(pair(dense, sgd), X, Y, epochs=9, validation_split=0.3, callbacks=make)

    def test_meddler(self):
        self.assert_same_fit(pair(dense), X, Y, epochs=5, callbacks=lambda: [Meddler()])

    def test_order(self):
        models, recorders = pair(dense), (Recorder(), Recorder())
        for model, recorder in zip(models, recorders):
            model.fit(X, Y, epochs=2, batch_size=BATCH, validation_split=0.3, verbose=0, callbacks=[recorder])
            model.evaluate(X, Y, verbose=0, callbacks=[recorder])
            model.predict(X, verbose=0, callbacks=[recorder])
        self.assertEqual(recorders[1].calls, recorders[0].calls)

    def test_weights_are_current(self):
        models, seen = pair(dense), (Weights(), Weights())
        for model, callback in zip(models, seen):
            model.fit(X, Y, epochs=2, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[callback])
        self.assertEqual(len(seen[0].seen), len(seen[1].seen))
        for want, got in zip(seen[0].seen, seen[1].seen):
            for w, g in zip(want, got, strict=True):
                np.testing.assert_allclose(g, w, 1e-4, 1e-5)

    def test_lambda_sees_weights(self):
        """Past the callback's own attribute `model`, too."""
        model, seen = pair(dense)[1], []
        look = lambda _, logs: seen.append(model.get_weights()[0].copy())
        model.fit(X, Y, batch_size=BATCH, verbose=0, callbacks=[callbacks.LambdaCallback(
            on_train_batch_end=look, on_epoch_end=look)])
        self.assertEqual(len(seen), 5)
        self.assertTrue((seen[0] != seen[1]).any())
        self.assertTrue((seen[-1] == seen[-2]).all())

    def test_one_callback(self):
        """Not in a list: Keras would run its batch hooks beside the next step."""
        results = []
        for callbacks_given in (Meddler(), [Meddler()]):
            model = pair(dense)[1]
            model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks_given)
            results.append(model.get_weights()[0])
        np.testing.assert_array_equal(*results)

    def test_threads(self):
        """predict from several threads at once."""
        model = pair(dense)[1]
        want = model.predict(X, verbose=0)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for got in pool.map(lambda _: model.predict(X, 3, verbose=0), range(20)):
                np.testing.assert_array_equal(got, want)

    def test_model_in_callback(self):
        """evaluate and predict within a callback use the weights of that moment."""
        def make(found):
            class Inner(callbacks.Callback):
                def on_train_batch_end(self, batch, logs=None):
                    if batch == 1:
                        found.append(self.model.predict(X[:3], verbose=0))

                def on_epoch_end(self, epoch, logs=None):
                    found.append(np.array(self.model.evaluate(X, Y, verbose=0)))
            return Inner()
        found = [], []
        for model, results in zip(pair(dense), found):
            model.fit(X, Y, epochs=2, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[make(results)])
        for want, got in zip(*found, strict=True):
            np.testing.assert_allclose(got, want, 1e-4, 1e-5)

    def test_files(self):
        """ModelCheckpoint (each epoch, each second batch) and CSVLogger."""
        for frequency in ("epoch", 2):
            with tempfile.TemporaryDirectory() as folder:
                weights, rows = [], []
                for i, model in enumerate(pair(dense)):
                    path = os.path.join(folder, "%d.keras" % i)
                    log = os.path.join(folder, "%d.csv" % i)
                    model.fit(X, Y, epochs=3, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[
                        callbacks.ModelCheckpoint(path, monitor="loss", save_freq=frequency),
                        callbacks.CSVLogger(log)])
                    saved = keras.models.load_model(path)
                    weights.append(saved.get_weights() + [v.numpy() for v in saved.optimizer.variables])
                    with open(log) as f:
                        rows.append(list(csv.reader(f)))
                self.assertEqual(rows[0][0], rows[1][0])
                numbers = [np.float64([[v.replace("NA", "0") for v in row] for row in r[1:]]) for r in rows]
                np.testing.assert_allclose(numbers[1], numbers[0], 1e-4)
                for want, got in zip(*weights, strict=True):
                    np.testing.assert_allclose(got, want, 1e-4, 1e-5)

    def test_backup(self):
        """A fit that fails in its third epoch goes on there."""
        def fail(epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt
        for model in pair(dense):
            with tempfile.TemporaryDirectory() as folder:
                arguments = dict(epochs=4, batch_size=BATCH, shuffle=False, verbose=0)
                with self.assertRaises(KeyboardInterrupt):
                    model.fit(X, Y, callbacks=[callbacks.BackupAndRestore(folder),
                                               callbacks.LambdaCallback(on_epoch_begin=fail)], **arguments)
                history = model.fit(X, Y, callbacks=[callbacks.BackupAndRestore(folder)], **arguments)
                self.assertEqual(history.epoch, [2, 3])
                self.assertEqual(int(model.optimizer.iterations), 16)

    def test_exception_leaves_weights(self):
        def fail(batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt
        model = pair(dense)[1]
        with self.assertRaises(KeyboardInterrupt):
            model.fit(X, Y, batch_size=BATCH, verbose=0,
                      callbacks=[callbacks.LambdaCallback(on_train_batch_end=fail)])
        self.assertEqual(int(model.optimizer.iterations), 3)
        self.assertIs(model.jax_state_sync.__func__, keras.Model.jax_state_sync)

    def test_printed(self):
        for verbose in ("auto", 1, 2, 0):
            with self.subTest(verbose=verbose):
                models = pair(dense)
                for method, data, more in (("fit", (X, Y), {"epochs": 2, "validation_split": 0.3, "shuffle": False}),
                                           ("evaluate", (X, Y), {}), ("predict", (X,), {})):
                    want, got = (output_of(getattr(m, method), *data, verbose=verbose, batch_size=BATCH, **more)
                                 for m in models)
                    self.assertEqual(got, want)

    def test_stopped(self):
        """A hook may end predict and evaluate."""
        class Stop(callbacks.Callback):
            def on_predict_batch_end(self, batch, logs=None):
                self.model.stop_predicting = True

            def on_test_batch_end(self, batch, logs=None):
                self.model.stop_evaluating = True
        models = pair(dense)
        want, got = (m.predict(X, BATCH, verbose=0, callbacks=[Stop()]) for m in models)
        self.assertEqual(len(got), BATCH)
        np.testing.assert_allclose(got, want, atol=1e-6)
        want, got = (m.evaluate(X, Y, BATCH, verbose=0, callbacks=[Stop()]) for m in models)
        np.testing.assert_allclose(got, want, 1e-5)
        self.assertEqual(SAMPLES % BATCH, 2)


if __name__ == "__main__":
    unittest.main()
