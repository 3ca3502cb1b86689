"""Augmentation layers: with lathe's draws recomputed from Philox, the image must be what Keras's own transform makes
of it; and the draws must have Keras's distribution. A Dense layer with one known weight a pixel shows the image:
its gradient under a loss with known slope is the sum of the batch's images."""
import os
import unittest

import numpy as np

import compare
import lathe_abi
from keras_side import keras
from philox import philox

SEED, STEP, FIRST = 2 ** 35 + 3, 5, 17

SCRIPT = """import keras
from keras import layers
model = keras.Sequential([
    layers.Input({shape}),
    layers.{layer},
    layers.Flatten(),
    layers.Dense(1, use_bias=False),
])
model.compile(loss='mse', optimizer='sgd')
"""

LAYERS = {
    "flip_horizontal": "RandomFlip('horizontal')",
    "flip_vertical": "RandomFlip('vertical', seed=3)",
    "flip_both": "RandomFlip()",
    "translation": "RandomTranslation(0.3, (-0.5, 0.2))",
    "translation_constant": "RandomTranslation(0.4, 0.4, fill_mode='constant', fill_value=0.7)",
    "translation_wrap": "RandomTranslation((-1.0, 1.0), 0.9, fill_mode='wrap')",
    "translation_nearest": "RandomTranslation(0.5, 0.5, 'nearest', 'nearest')",
    "translation_far": "RandomTranslation((0.9, 1.0), (-1.0, -0.8))",
}
CROPS = {"crop": "RandomCrop(6, 5)", "crop_square": "RandomCrop(height=8, width=8)"}
SHAPE, SAMPLES = (11, 9, 3), 6


def draw(stream, sample, step=STEP):
    """The two numbers of a sample, as lathe_draw in templates/random.h.in has them."""
    words = philox((0, sample, step, SEED >> 32), (SEED & 0xFFFFFFFF, stream))
    return [np.float32(int(w) >> 8) / np.float32(2 ** 24) for w in words[:2]]


def transformed(layer, x, draws):
    """Keras's transform of images x by these draws."""
    u = np.array(draws, dtype=np.float32)
    if isinstance(layer, keras.layers.RandomFlip):
        return layer.transform_images(x, {"flips": (u[:, 0] <= 0.5).reshape(-1, 1, 1, 1),
                                          "input_shape": x.shape})
    if isinstance(layer, keras.layers.RandomCrop):
        return np.concatenate([layer.transform_images(
            x[i:i + 1], [int(u[i, k] * np.float32(x.shape[1 + k] - size + 1))
                         for k, size in enumerate((layer.height, layer.width))])
            for i in range(len(x))])
    down = (layer.height_lower + (layer.height_upper - layer.height_lower) * u[:, :1]) * x.shape[1]
    right = (layer.width_lower + (layer.width_upper - layer.width_lower) * u[:, 1:]) * x.shape[2]
    return layer.transform_images(x, {"translations": np.concatenate([right, down], 1).astype(np.float32),
                                      "input_shape": x.shape})


class Augment(compare.OracleCase):
    def prepare(self, name, layer, shape=SHAPE, **options):
        os.makedirs(compare.FOLDER, exist_ok=True)
        script = os.path.join(compare.FOLDER, name + ".py")
        with open(script, "w") as f:
            f.write(SCRIPT.format(shape=shape, layer=layer))
        return script, compare.trainer(script, "augment_" + name, batch=SAMPLES, **options)

    def image(self, lathe, x, first, step=STEP):
        """The augmented image of one sample. With weight 0 and label -1/2, (y - label)^2 has slope 1."""
        lathe.set("dense/kernel", np.zeros(lathe.shape["dense/kernel"], np.float32))
        lathe.gradients(x[None], np.array([[-0.5]], np.float32), seed=SEED, step=step, first_sample=first)
        return lathe.gradient("dense/kernel")[:, 0]

    def check(self, name, text, target="host"):
        _, lathe = self.prepare(name, text, target=target)
        layer = eval("keras.layers." + text, {"keras": keras})
        x = np.random.default_rng(compare.seed_of(name)).random((SAMPLES, *SHAPE), dtype=np.float32)
        draws = [draw(0x80000000, FIRST + i) for i in range(SAMPLES)]
        want = np.array(transformed(layer, x, draws)).reshape(SAMPLES, -1)
        for i in range(SAMPLES):
            self.assert_close(self.image(lathe, x[i], FIRST + i), want[i], "%s, sample %d" % (name, i))
        return lathe, x

    def test_images(self):
        for name, text in LAYERS.items():
            with self.subTest(layer=name):
                lathe, x = self.check(name, text)
                # evaluation leaves images alone
                weight = np.random.default_rng(1).random(lathe.shape["dense/kernel"], dtype=np.float32)
                lathe.set("dense/kernel", weight)
                loss, _ = lathe.evaluate(x, np.zeros((SAMPLES, 1)))
                want = np.mean((x.reshape(SAMPLES, -1).astype(np.float64) @ weight) ** 2)
                self.assertAlmostEqual(loss / want, 1, delta=1e-5)

    def test_crops(self):
        for name, text in CROPS.items():
            with self.subTest(layer=name):
                lathe, x = self.check(name, text)
                # evaluation resizes the largest window of the result's aspect ratio
                layer = eval("keras.layers." + text, {"keras": keras})
                resized = keras.layers.Resizing(layer.height, layer.width, crop_to_aspect_ratio=True)(x)
                weight = np.random.default_rng(1).random(lathe.shape["dense/kernel"], dtype=np.float32)
                lathe.set("dense/kernel", weight)
                loss, _ = lathe.evaluate(x, np.zeros((SAMPLES, 1)))
                want = np.mean((np.array(resized).reshape(SAMPLES, -1).astype(np.float64) @ weight) ** 2)
                self.assertAlmostEqual(loss / want, 1, delta=1e-5)

    def test_every_target(self):
        for target in lathe_abi.host_targets():
            with self.subTest(target=target):
                self.check("translation", LAYERS["translation"], target)

    def test_distribution(self):
        """Flips happen for half of the samples; translations cover their range evenly."""
        _, lathe = self.prepare("flip_horizontal", LAYERS["flip_horizontal"])
        x = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
        flips = [self.image(lathe, x, i, step=i % 7)[0] != 0 for i in range(600)]
        self.assertAlmostEqual(np.mean(flips), 0.5, delta=5 * 0.5 / np.sqrt(600))
        _, lathe = self.prepare("translation_rows", "RandomTranslation((-0.4, 0.2), 0.0, 'nearest')")
        rows = np.broadcast_to(np.arange(11, dtype=np.float32).reshape(11, 1, 1), SHAPE)
        middle = np.array([self.image(lathe, rows, i).reshape(SHAPE)[5, 4, 0] for i in range(400)])
        shift = (5 - middle) / 11  # in [-0.4, 0.2]
        self.assertGreaterEqual(shift.min(), -0.4 - 1e-5)
        self.assertLessEqual(shift.max(), 0.2 + 1e-5)
        counts, _ = np.histogram(shift, 4, (-0.4, 0.2))
        self.assertTrue((abs(counts - 100) < 5 * np.sqrt(75)).all(), counts)


if __name__ == "__main__":
    unittest.main()
