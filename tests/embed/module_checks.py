"""The module `pair` (two inputs, two outputs, batch 4) against lathe predict, and what it refuses."""

import os
import subprocess
import tempfile
import threading
import unittest

import numpy as np

import pair


def inputs(n):
    rng = np.random.default_rng(n)
    return rng.random((n, 9, 8, 3), np.float32), rng.standard_normal((n, 5), np.float32)


def by_lathe(image, numbers):
    """The outputs as lathe predict writes them; its weights are drawn from the same seed."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name + ".npy") for name in ("image", "numbers", "maps", "scores", "weights")]
        np.save(paths[0], image)
        np.save(paths[1], numbers)
        weights = os.path.join(folder, "weights.safetensors")
        for words in (["convert", os.environ["MODEL"], weights],
                      ["predict", os.environ["MODEL"], "--weights", weights, "--input", paths[0], "--input", paths[1],
                       "--output", paths[2], "--output", paths[3]]):
            subprocess.run([os.environ["LATHE"], *words], check=True, stdout=subprocess.DEVNULL)
        return np.load(paths[2]), np.load(paths[3])


class Module(unittest.TestCase):
    def test_self_test(self):
        pair.self_test()

    def test_docstring(self):
        for line in ("out_maps, out_scores = pair.predict(in_image, in_numbers)", "in_image (n, 9, 8, 3)",
                     "in_numbers (n, 5)", "out_maps (n, 7, 6, 40)", "out_scores (n, 12)"):
            self.assertIn(line, pair.__doc__)

    def test_any_number_of_samples(self):
        for n in (1, 4, 9):
            x = inputs(n)
            for ours, theirs in zip(pair.predict(*x), by_lathe(*x), strict=True):
                np.testing.assert_array_equal(ours, theirs)

    def test_no_samples(self):
        maps, scores = pair.predict(*inputs(0))
        self.assertEqual((maps.shape, scores.shape), ((0, 7, 6, 40), (0, 12)))

    def test_any_layout_and_type(self):
        image, numbers = inputs(6)
        expected = pair.predict(image, numbers)
        strided = np.asfortranarray(image.astype(np.float64))
        for ours, theirs in zip(pair.predict(strided, numbers.tolist()), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_threads(self):
        x = inputs(50)
        expected, wrong = pair.predict(*x), []

        def work():
            for _ in range(20):
                if not all(np.array_equal(a, b) for a, b in zip(pair.predict(*x), expected)):
                    wrong.append(1)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    def test_errors(self):
        image, numbers = inputs(3)
        for kind, text, arrays in (
                (TypeError, r"takes 2 arrays \(in_image, in_numbers\), not 1", [image]),
                (ValueError, r"'image' has the shape \(3, 8, 9, 3\) instead of \(n, 9, 8, 3\)",
                 [image.transpose(0, 2, 1, 3), numbers]),
                (ValueError, r"'image' has the shape \(9, 8, 3\)", [image[0], numbers]),
                (ValueError, r"'numbers' has the shape \(\) instead of \(n, 5\)", [image, 1.0]),
                (ValueError, r"the inputs have 3, 2 samples", [image, numbers[:2]]),
                (TypeError, r"'numbers' has elements of the type <U1", [image, np.full((3, 5), "x")])):
            with self.assertRaisesRegex(kind, text):
                pair.predict(*arrays)


if __name__ == "__main__":
    unittest.main()
