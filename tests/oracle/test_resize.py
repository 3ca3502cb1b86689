"""Scaling of images against Pillow, pixel for pixel: the filters of Keras's load_img, growing and
shrinking, odd sizes, and the middle of an image whose shorter side was scaled."""

import os
import pathlib
import subprocess
import unittest

import numpy as np
from PIL import Image

FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
SIZES = [((97, 61), (32, 32)), ((31, 45), (64, 80)), ((50, 50), (50, 17)), ((50, 50), (13, 50)),
         ((7, 5), (224, 3)), ((200, 333), (1, 1)), ((68, 60), (25, 41)), ((49, 20), (48, 20)), ((49, 20), (48, 21)), ((40, 40), (40, 40)), ((1085, 1600), (224, 224))]
MIDDLES = [((100, 163), 64, 56), ((163, 100), 64, 64), ((37, 90), 80, 70)]


def scaled(path, name, height, width, shorter, out):
    subprocess.run([os.environ["RESIZE_IMAGE"], path, name, str(height), str(width), str(shorter), out], check=True)
    return np.fromfile(out, np.uint8).reshape(height, width, 3)


def middle(image, filter_, shorter, side):
    width, height = image.size
    least = min(image.size)
    size = shorter * width // least, shorter * height // least
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return np.asarray(image.resize(size, filter_).crop((left, top, left + side, top + side)))


class Resize(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(os.environ["ORACLE_FOLDER"])
        cls.folder.mkdir(parents=True, exist_ok=True)

    def test_whole(self):
        random = np.random.default_rng(5)
        for (height, width), target in SIZES:
            # noise over a ramp: clipping at both ends, and no two pixels alike
            ramp = np.linspace(-60, 315, width)[None, :, None] + random.normal(0, 60, (height, width, 3))
            image = Image.fromarray(np.clip(ramp, 0, 255).astype(np.uint8))
            image.save(self.folder / "in.png")
            for name in FILTERS:
                with self.subTest(name=name, size=(height, width), target=target):
                    expected = np.asarray(image.resize(target[::-1], getattr(Image.Resampling, name.upper())))
                    got = scaled(self.folder / "in.png", name, *target, 0, self.folder / "out")
                    np.testing.assert_array_equal(got, expected)

    def test_middle(self):
        random = np.random.default_rng(6)
        for size, shorter, side in MIDDLES:
            image = Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8))
            image.save(self.folder / "in.png")
            for name in FILTERS:
                with self.subTest(name=name, size=size):
                    got = scaled(self.folder / "in.png", name, side, side, shorter, self.folder / "out")
                    np.testing.assert_array_equal(got, middle(image, getattr(Image.Resampling, name.upper()), shorter, side))
