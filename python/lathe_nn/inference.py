"""predict of a live model: compiled once, with a new weights image whenever the weights have changed."""
from __future__ import annotations

import zlib
from ctypes import byref, c_void_p
from typing import Any, List, Tuple

import keras
import numpy as np

from .abi import Predictor
from .errors import LatheError
from .feed import Feed
from .generated import Generated
from .handover import generate
from .variables import REPLACING


class Inference:
    """The compiled inference functions of a live model."""

    def __init__(self, model: Any, batch: int):
        """Raises LatheError."""
        self._model = model
        self.batch = batch
        self._seen: Tuple[Any, ...] = ()
        self._predictor = self._renewed(None)

    def _renewed(self, predictor: Any) -> Predictor:
        """The predictor with the model's weights of now. Its code stays the same: only the image is new."""
        seen = self._versions()
        generated: Generated = generate(self._model, ["--batch", self.batch])
        if predictor is None:
            predictor = generated.predictor()
        else:
            predictor.bind(generated.image())
        self._seen = seen
        return predictor

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
        if self._is_current():
            return
        try:
            self._renewed(self._predictor)
        except LatheError:
            # Another layout: the model's weights are of another kind than those compiled for.
            self._predictor = self._renewed(None)

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
