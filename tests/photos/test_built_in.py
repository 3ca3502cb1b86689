"""Built-in networks know how they take pixels, as Keras's own preprocess_input for them, and their classes."""

import os
import subprocess
import sys
import unittest

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file

from photos import FOLDER, lathe

os.environ.setdefault("KERAS_BACKEND", "jax")


class BuiltIn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        FOLDER.mkdir(parents=True, exist_ok=True)

    def test_modes(self):
        import keras
        from keras.applications.imagenet_utils import preprocess_input

        networks = {name.lower(): f for name, f in vars(keras.applications).items() if callable(f)}
        pixels = np.random.default_rng(8).uniform(0, 255, (1, 4, 4, 3)).astype(np.float32)
        rows = subprocess.run([os.environ["ZOO_MODES"]], capture_output=True, text=True, check=True).stdout.splitlines()
        self.assertGreater(len(rows), 30)
        for name, mode in map(str.split, rows):
            with self.subTest(name=name):
                own = sys.modules[networks[name].__module__].preprocess_input
                expected = own(pixels.copy())
                got = pixels if mode == "0,1" else preprocess_input(pixels.copy(), mode=mode)
                np.testing.assert_array_equal(got, expected)

    def test_photograph(self):
        """Without --preprocess and --classes the same answer as with them; with another mode another."""
        photograph, weights = FOLDER / "noise.png", FOLDER / "weights.safetensors"
        Image.fromarray(np.random.default_rng(9).integers(0, 256, (70, 90, 3), np.uint8)).save(photograph)
        lathe("convert", "mobilenet", weights, "--seed", 4)
        random = np.random.default_rng(10)
        tensors = load_file(weights)
        for name, w in tensors.items():
            # deviations that keep the signal alive to the last layer
            if w.ndim == 4:
                fan = 9 if "dw" in name else np.prod(w.shape[:-1])
                tensors[name] = random.normal(0, np.sqrt(2 / fan), w.shape).astype(np.float32)
        save_file(tensors, weights)

        def predicted(*options):
            text = lathe("predict", "mobilenet", "--weights", weights, photograph, *options)
            self.assertIn("Original image shape:  (70, 90, 3)\nProcessed image shape:  (1, 224, 224, 3)", text)
            return text[text.index("Predicted: [[('n"):].splitlines()[0]

        answer = predicted()
        self.assertEqual(answer, predicted("--preprocess", "tf", "--classes", "imagenet"))
        self.assertNotEqual(answer, predicted("--preprocess", "caffe"))
