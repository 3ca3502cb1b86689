"""Keras in double precision, for what should be held against exact results and not against the rounding of another
float32 program: behind five batch normalisations Keras's own gradients are 1e-5 off, lathe's 3e-6."""
import contextlib

import keras_quick  # noqa: F401 before JAX and Keras

import jax
import keras
from keras.src.backend.common import dtypes

jax.config.update("jax_enable_x64", True)
# Else Keras makes float32 of double here and there, in ops.tanh and in batch normalisation among others.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


@contextlib.contextmanager
def precision(name):
    """Models that are made and called in here have this type: "float32" or "float64"."""
    keras.config.set_floatx(name)
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
