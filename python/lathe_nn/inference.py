"""predict of a live model: compiled once, with a new weights image whenever the weights have changed."""
from __future__ import annotations

import zlib
from ctypes import byref, c_void_p
from typing import Any, List, Tuple

import keras
import numpy as np

from .feed import Feed
from .handover import generate
from .variables import REPLACING


class Inference:
    """The compiled inference functions of a live model.

    The code is that of drawn weights: C holds the weights of small networks and values to test itself
    with, and would otherwise be compiled again in every program that trains."""

    def __init__(self, model: Any, batch: int):
        """Raises LatheError."""
        self._model = model
        self.batch = batch
        drawn = generate(model, ["--batch", batch])
        self._code, self._predictor = drawn.code(), drawn.predictor()
        self._take_weights()

    def _take_weights(self) -> None:
        seen = self._versions()
        generated = generate(self._model, ["--batch", self.batch], weights=True)
        if generated.code() == self._code:
            self._predictor.bind(generated.image())
        else:  # lathe chose something by the weights' values
            self._code, self._predictor = generated.code(), generated.predictor()
        self._seen = seen

    def _versions(self) -> Tuple[Any, ...]:
        """Equal for equal weights: the values themselves where Keras replaces them, else checksums."""
        values = [v.value for v in self._model.weights]
        if keras.backend.backend() in REPLACING:
            return tuple(values)
        return tuple(zlib.crc32(np.ascontiguousarray(keras.ops.convert_to_numpy(v))) for v in values)

    def _is_current(self) -> bool:
        now = self._versions()
        if keras.backend.backend() not in REPLACING:
            return now == self._seen
        return len(now) == len(self._seen) and all(a is b for a, b in zip(now, self._seen))

    def refresh(self) -> None:
        """Takes over weights that have changed. Raises LatheError."""
        if not self._is_current():
            self._take_weights()

    def outputs(self, samples: int) -> List[np.ndarray]:
        """Arrays that `run` fills, (samples, ...)."""
        table = self._predictor.table
        return [np.empty((samples,) + v.shape, np.float32) for v in table.output[:table.outputs]]

    def run(self, feed: Feed, first: int, n: int, outputs: List[np.ndarray]) -> List[np.ndarray]:
        """Fills n rows of the outputs from `first` on; returns those rows."""
        p = self._predictor
        y = (c_void_p * len(outputs))()
        for start in range(first, first + n, self.batch):
            feed.rows(start, min(self.batch, first + n - start))
            for i, array in enumerate(outputs):
                y[i] = array.ctypes.data + start * array.strides[0]
            p.table.predict(byref(p.weights), p.workspace.ctypes.data, min(self.batch, first + n - start),
                            feed.x, y)
        return [array[first:first + n] for array in outputs]
