"""Outputs for equal weights and inputs: every network on this machine's best target, and a few that
use every kernel on every target that runs here."""
import unittest

import numpy as np

import compare
import lathe_abi
from keras_side import KerasModel

EVERY_TARGET = ("model1", "lenet5", "convbn", "pool_same", "zero_padding", "functional_residual",
                "batch_norm_after_activation", "dense_only")
SAMPLES = 7  # more than a batch: the last call is a short one


class Outputs(compare.OracleCase):
    def check(self, name, script, targets):
        model = KerasModel(script)
        model.randomize(compare.seed_of(name))
        x = compare.inputs(model.model, SAMPLES, name)
        raw = (x * 255).astype(np.uint8)
        want, want_raw = model.predict(x), model.predict(raw.astype(np.float32) / 255)
        for target in targets:
            for options, tolerance in compare.BUILDS:
                with self.subTest(network=name, target=target, options=options):
                    lathe = compare.predictor(model, script, name, target, options=options)
                    self.assert_close(lathe.predict(x), want, "outputs", tolerance)
                    self.assert_close(lathe.predict(raw), want_raw, "outputs from bytes", tolerance)

    def test_every_network(self):
        for name, script in compare.scripts().items():
            self.check(name, script, ["host"])

    def test_every_target(self):
        scripts = compare.scripts()
        for name in EVERY_TARGET:
            self.check(name, scripts[name], lathe_abi.host_targets())


class Evaluation(compare.OracleCase):
    """Loss and accuracy of the training build, in inference mode."""

    def test_every_network(self):
        for name, script in compare.scripts().items():
            with self.subTest(network=name):
                model = KerasModel(script)
                model.randomize(compare.seed_of(name))
                x = compare.inputs(model.model, compare.BATCH, name)
                y, indices = compare.labels(model, compare.BATCH, name)
                lathe = compare.trainer(script, name)
                compare.copy_state(model, lathe)
                loss, accuracy = lathe.evaluate(x, indices)
                prediction = model.predict(x)
                want = float(model.loss_of(y, prediction))
                self.assertAlmostEqual(loss, want, delta=compare.TOLERANCE * max(1.0, abs(want)))
                if lathe.table.loss[0].has_accuracy:
                    self.assertAlmostEqual(accuracy, self.accuracy(prediction, indices, model),
                                           delta=1e-6)

    @staticmethod
    def accuracy(prediction, labels, model):
        if np.ndim(labels) == 1:
            return float(np.mean(prediction.argmax(axis=-1) == labels))
        return float(np.mean((prediction > 0.5) == (labels > 0.5)))


if __name__ == "__main__":
    unittest.main()
