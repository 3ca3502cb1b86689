"""Initial weights: the same distributions as Keras's, by Kolmogorov and Smirnov's two-sample test,
and the same constants. Seeds are fixed, so the outcome is too."""
import os
import unittest

import numpy as np
import scipy.stats

import compare
import networks
from keras_side import KerasModel

DRAWN = ("'glorot_uniform'", "'glorot_normal'", "'he_uniform'", "'he_normal'", "'lecun_uniform'",
         "'lecun_normal'", "'random_uniform'", "'random_normal'", "'truncated_normal'",
         "keras.initializers.RandomUniform(-0.3, 0.1)",
         "keras.initializers.RandomNormal(mean=0.5, stddev=0.2)",
         "keras.initializers.TruncatedNormal(stddev=0.1)")
CONSTANT = ("'zeros'", "'ones'", "keras.initializers.Constant(0.25)")
LEAST_P = 1e-3


class Initializers(compare.OracleCase):
    def pair(self, name, body):
        script = os.path.join(compare.FOLDER, "initializer_%s.py" % name)
        os.makedirs(compare.FOLDER, exist_ok=True)
        with open(script, "w") as f:
            f.write(networks.sequential((16, 16, 8), body))
        lathe = compare.trainer(script, "initializer_" + name)
        lathe.init(seed=1)
        return KerasModel(script).get(), lathe

    @staticmethod
    def body(initializer):
        return """
            layers.Conv2D(40, (3, 5), kernel_initializer=%s)
            layers.MaxPooling2D(2)
            layers.Flatten()
            layers.Dense(10, activation='softmax', kernel_initializer=%s)""" % (initializer, initializer)

    def test_distributions(self):
        for number, initializer in enumerate(DRAWN):
            want, lathe = self.pair("drawn_%d" % number, self.body(initializer))
            for kernel in ("conv2d/kernel", "dense/kernel"):
                with self.subTest(initializer=initializer, kernel=kernel):
                    got = lathe.get(kernel)
                    p = scipy.stats.ks_2samp(got.ravel(), want[kernel].ravel()).pvalue
                    self.assertGreater(p, LEAST_P, "not Keras's distribution")
                    if "andom_normal" not in initializer and "RandomNormal" not in initializer:
                        # All others are bounded, which the test above hardly sees.
                        ratio = np.abs(got).max() / np.abs(want[kernel]).max()
                        self.assertAlmostEqual(ratio, 1.0, delta=0.03)

    def test_constants(self):
        for number, initializer in enumerate(CONSTANT):
            want, lathe = self.pair("constant_%d" % number, self.body(initializer))
            with self.subTest(initializer=initializer):
                np.testing.assert_array_equal(lathe.get("dense/kernel"), want["dense/kernel"])

    def test_defaults(self):
        """Biases, batch normalisation, and the default kernels."""
        want, lathe = self.pair("defaults", """
            layers.Conv2D(40, 3)
            layers.BatchNormalization()
            layers.Flatten()
            layers.Dense(10, activation='softmax')""")
        for tensor, value in want.items():
            with self.subTest(tensor=tensor):
                if tensor.endswith("kernel"):
                    p = scipy.stats.ks_2samp(lathe.get(tensor).ravel(), value.ravel()).pvalue
                    self.assertGreater(p, LEAST_P)
                else:
                    np.testing.assert_array_equal(lathe.get(tensor), value)

    def test_seeds(self):
        """Another seed gives other, uncorrelated weights; kernels of equal shape differ."""
        _, lathe = self.pair("seeds", """
            layers.Conv2D(8, 3, padding='same')
            layers.Conv2D(8, 3, padding='same')
            layers.Flatten()
            layers.Dense(10, activation='softmax')""")
        first = lathe.get("conv2d/kernel").ravel()
        self.assertLess(abs(np.corrcoef(first, lathe.get("conv2d_1/kernel").ravel())[0, 1]), 0.2)
        lathe.init(seed=2)
        self.assertLess(abs(np.corrcoef(first, lathe.get("conv2d/kernel").ravel())[0, 1]), 0.2)
        lathe.init(seed=1)
        np.testing.assert_array_equal(first, lathe.get("conv2d/kernel").ravel())


if __name__ == "__main__":
    unittest.main()
