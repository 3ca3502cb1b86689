"""What the tests share: the folder of built models, inputs and labels, and the tolerance."""
import os
import unittest
import zlib

import numpy as np
import safetensors.numpy

import lathe_abi
import networks
from keras_side import SPATIAL, KerasModel

FOLDER = os.environ["ORACLE_FOLDER"]
TOLERANCE = 1e-5
EXACT = ("--exact",)
# Options of lathe compile, with the tolerance: direct kernels, and whatever lathe chooses (Winograd).
BUILDS = ((EXACT, TOLERANCE), ((), 1e-3))
BATCH = 4


def seed_of(name):
    """A fixed seed for each name."""
    return zlib.crc32(name.encode())


def scripts():
    os.makedirs(FOLDER, exist_ok=True)
    return networks.write_all(FOLDER)


def inputs(model, samples, name):
    shape = (samples,) + tuple(model.input_shape[1:])
    return np.random.default_rng(seed_of(name)).random(shape, dtype=np.float32)


def labels(keras_model, samples, name):
    """(labels for Keras, labels for lathe): one-hot or indices; floats where the loss wants them."""
    random = np.random.default_rng(seed_of(name) + 1)
    width = keras_model.model.output_shape[-1]
    loss = keras_model.model.loss
    loss = loss if isinstance(loss, str) else loss.name
    if loss in ("mse", "mean_squared_error"):
        y = random.normal(size=(samples, width)).astype(np.float32)
        return y, y
    if loss == "binary_crossentropy":
        y = random.integers(0, 2, (samples, width)).astype(np.float32)
        return y, y
    index = random.integers(0, width, samples).astype(np.int32)
    if loss.startswith("sparse"):
        return index, index
    return np.eye(width, dtype=np.float32)[index], index


def distance(got, want, scale=None):
    """max |got - want| / max |want|, infinite for NaN or another shape."""
    if got.shape != want.shape or not np.isfinite(got).all():
        return np.inf
    scale = np.abs(want).max() if scale is None else scale
    difference = np.abs(got.astype(np.float64) - want).max()
    return difference / scale if scale > 0 else float(difference)


def folder_of(*parts):
    return os.path.join(FOLDER, ".".join(part.strip("-") for part in parts))


def predictor(keras_model, script, name, target, batch=BATCH, options=EXACT):
    """The compiled inference functions with Keras's weights."""
    folder = folder_of(name, target, *options)
    weights = folder + ".safetensors"
    safetensors.numpy.save_file(keras_model.get(), weights)
    return lathe_abi.Predictor(lathe_abi.build(script, folder, "--weights", weights, "--batch", batch,
                                               "--target", target, *options))


def trainer(script, name, target="host", batch=BATCH, options=EXACT):
    folder = folder_of(name, "train", target, *options)
    return lathe_abi.Trainer(lathe_abi.build(script, folder, "--train", "--batch", batch,
                                             "--target", target, *options))


def set_state(lathe_trainer, values):
    for name, value in values.items():
        lathe_trainer.set(name, value)


def copy_state(keras_model, lathe_trainer, slots=False):
    set_state(lathe_trainer, keras_model.get(slots))


def masks(keras_model, streams, samples, seed, step, first_sample):
    """lathe's dropout masks of one step, in the order of the model's dropout layers."""
    from philox import dropout_mask
    found = []
    for layer in keras_model.dropouts:
        shape = (samples,) + tuple(layer.output.shape[1:])
        drawn = shape
        if isinstance(layer, SPATIAL):
            drawn = (samples,) + (1,) * (len(shape) - 2) + shape[-1:]
        elif layer.noise_shape:
            drawn = (samples,) + (1,) * (len(shape) - 1)
        found.append(dropout_mask(drawn, layer.rate, streams[layer.name], seed, step, first_sample))
    return found


class OracleCase(unittest.TestCase):
    def assert_close(self, got, want, what, tolerance=TOLERANCE, scale=None):
        d = distance(got, want, scale)
        self.assertLessEqual(d, tolerance, "%s: differs by %.3g of its largest value" % (what, d))
