"""The gradient of every weight, the training loss and batch normalisation's new statistics, against
automatic differentiation of the same script under Keras, in double precision."""
import unittest

import numpy as np

import compare
import lathe_abi
from keras_precise import precision
from keras_side import KerasModel

EVERY_TARGET = ("model1", "lenet5", "convbn", "pool_same", "conv_same_strided", "dropout",
                "functional_residual")
SEED, STEP, FIRST_SAMPLE = 2 ** 40 + 7, 3, 11


class Gradients(compare.OracleCase):
    def check(self, name, script, targets, samples=compare.BATCH):
        with precision("float64"):
            model = KerasModel(script)
        model.randomize(compare.seed_of(name))
        x = compare.inputs(model.model, samples, name)
        y, indices = compare.labels(model, samples, name)
        streams = lathe_abi.dropout_streams(script) if model.dropouts else {}
        masks = compare.masks(model, streams, samples, SEED, STEP, FIRST_SAMPLE)
        with precision("float64"):
            want = model.gradients(x, y, masks)
        self.assertTrue(all(gradient.dtype == np.float64 for gradient in want[1].values()))
        terms = {layer.name: samples * int(np.prod(layer.output.shape[1:-1]))
                 for layer in model.model.layers}
        for target in targets:
            for options, tolerance in compare.BUILDS:
                with self.subTest(network=name, target=target, samples=samples, options=options):
                    lathe = compare.trainer(script, name, target, options=options)
                    compare.copy_state(model, lathe)
                    loss, _ = lathe.gradients(x, indices, seed=SEED, step=STEP,
                                              first_sample=FIRST_SAMPLE)
                    lathe.apply(x, seed=SEED, step=STEP)
                    self.compare_all(lathe, loss, *want, tolerance, terms)

    def compare_all(self, lathe, loss, want_loss, gradients, statistics, tolerance, terms):
        self.assertAlmostEqual(loss, want_loss, delta=tolerance * max(1.0, abs(want_loss)))
        for weight, gradient in gradients.items():
            added = weight.endswith(("/bias", "/beta"))
            scale = self.rounding(weight, gradients, terms) if added else None
            self.assert_close(lathe.gradient(weight), gradient, "gradient of " + weight, tolerance,
                              scale)
        for statistic, value in statistics.items():
            self.assert_close(lathe.get(statistic), value, statistic, tolerance)

    @staticmethod
    def rounding(weight, gradients, terms):
        """What the error of a bias, or of a normalisation's beta, is measured by. Its gradient is a sum
        of many terms that may cancel (all but rounding, where batch normalisation follows): its layer's
        largest gradient stands for the size of the terms, and sums of K terms are within 4 sqrt(K) eps
        of it."""
        layer = weight.rsplit("/", 1)[0]
        largest = max(abs(g).max() for name, g in gradients.items() if name.startswith(layer + "/"))
        bound = 4 * np.sqrt(terms[layer]) * np.finfo(np.float32).eps
        return largest * max(1, bound / compare.TOLERANCE)

    def test_every_network(self):
        for name, script in compare.scripts().items():
            self.check(name, script, ["host"])

    def test_short_batch(self):
        scripts = compare.scripts()
        for name in EVERY_TARGET:
            self.check(name, scripts[name], ["host"], compare.BATCH - 1)

    def test_every_target(self):
        scripts = compare.scripts()
        for name in EVERY_TARGET:
            self.check(name, scripts[name], lathe_abi.host_targets())


if __name__ == "__main__":
    unittest.main()
