"""Classification with trained weights by generated code, and preprocessing against Keras."""

import os
import unittest

import numpy as np

from photos import DATA, FOLDER, data_file, lathe, predictions

os.environ.setdefault("KERAS_BACKEND", "jax")

SQUEEZENET = "weights/squeezenet_v1.0_imagenet.keras"
EFFICIENTNET = "weights/efficientnet_lite0_imagenet.onnx"
RESNET8 = "weights/resnet8_cifar10.h5"

# How a small network takes its pixels, in each of preprocess_input's modes.
SMALL = """from keras import Input, Model
from keras.layers import Conv2D, Dense, GlobalAveragePooling2D

image = Input((20, 24, 3), name="image")
x = Conv2D(8, 3, strides=2, activation="relu")(image)
model = Model(image, Dense(5, activation="tanh")(GlobalAveragePooling2D()(x)))
"""


def right(photographs, text):
    """How many photographs, named by class, were recognised."""
    answers = predictions(text)
    assert len(answers) == len(photographs), text
    return sum(path.name.startswith(answer[0]) for path, answer in zip(photographs, answers))


class Networks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        FOLDER.mkdir(parents=True, exist_ok=True)

    def test_squeezenet(self):
        model, lion = data_file(SQUEEZENET), data_file("imagenet/lion.jpg")
        photographs = sorted(DATA.glob("imagenet/n*.jpg"))
        self.assertEqual(len(photographs), 22)
        text = lathe("predict", model, "--preprocess", "caffe", "--classes", "imagenet", "--resize", "bilinear",
                     "--shorter", 256, "--top", 1, lion, *photographs)
        number, name, p = predictions(text)[0]
        self.assertEqual((number, name), ("n02129165", "lion"))
        self.assertGreater(p, 0.99)
        self.assertEqual(right([lion.with_name("n02129165_lion.jpg"), *photographs], text), 1 + 17)

    def test_efficientnet(self):
        """An ONNX file that has its channels first and ends with logits."""
        model = data_file(EFFICIENTNET)
        photographs = sorted(DATA.glob("imagenet/n*.jpg"))
        text = lathe("predict", model, "--preprocess", "127,128", "--classes", "imagenet", "--resize", "bicubic",
                     "--shorter", 256, "--top", 1, *photographs)
        self.assertEqual(right(photographs, text), 19)

    def test_resnet8(self):
        model = data_file(RESNET8)
        folder = os.environ.get("LATHE_CIFAR10")
        if not folder:
            self.skipTest("no CIFAR-10: set LATHE_CIFAR10 to the folder with test_batch.bin")
        text = lathe("evaluate", model, "--data", folder, "--input-scale", 1)
        self.assertRegex(text, r"10000 samples - accuracy: 0\.872")

    def test_preprocessing(self):
        from keras.applications.imagenet_utils import preprocess_input

        scope = {}
        exec(SMALL, scope)
        model = scope["model"]
        model.set_weights([np.random.default_rng(4).normal(0, 0.05, w.shape) for w in model.get_weights()])
        model.save(FOLDER / "small.keras")
        pixels = np.random.default_rng(5).integers(0, 256, (7, 20, 24, 3))
        for mode in ["caffe", "tf", "torch"]:
            expected = model.predict(preprocess_input(pixels.astype(np.float32), mode=mode), verbose=0)
            for dtype in [np.uint8, np.float32]:
                with self.subTest(mode=mode, dtype=dtype.__name__):
                    np.save(FOLDER / "x.npy", pixels.astype(dtype))
                    lathe("predict", FOLDER / "small.keras", "--input", FOLDER / "x.npy", "--output", FOLDER / "y.npy",
                          "--preprocess", mode, "--exact")
                    got = np.load(FOLDER / "y.npy")
                    self.assertGreater(np.abs(expected).max(), 0.1)
                    self.assertLess(np.abs(got - expected).max() / np.abs(expected).max(), 1e-5)
