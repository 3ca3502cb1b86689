"""Batches for generated code: pointers into the user's arrays where their rows are used in order, else
rows gathered into a buffer."""
from __future__ import annotations

from ctypes import c_void_p
from typing import List, Optional, Sequence

import numpy as np

from .errors import Unsupported


class Column:
    """One array, (samples, ...), of which generated code sees `batch` rows at a time as `dtype`."""

    def __init__(self, array: np.ndarray, dtype: type, batch: int):
        self._array = np.ascontiguousarray(array)
        self._buffer = np.empty((batch,) + array.shape[1:], dtype)
        self._same = array.dtype == dtype
        self._row = self._array.strides[0] if self._array.size else 0
        self._start = self._array.ctypes.data
        self._buffer_start = self._buffer.ctypes.data

    def rows(self, first: int, n: int) -> int:
        """The address of n rows."""
        if self._same:
            return self._start + first * self._row
        self._buffer[:n] = self._array[first:first + n]
        return self._buffer_start

    def gather(self, indices: np.ndarray) -> int:
        """The address of these rows."""
        if self._same:
            # Without "clip" NumPy gathers into a second buffer first; indices are in range.
            self._array.take(indices, 0, self._buffer[:len(indices)], "clip")
        else:
            self._buffer[:len(indices)] = self._array[indices]
        return self._buffer_start


class Feed:
    """Inputs, labels and sample weights of a data set, and the C arrays that point to a batch of them.

    `x` and `y` are the C arrays, `weight` is the address of the weights or None; `rows` and `gather` set
    them."""

    def __init__(self, x: Sequence[np.ndarray], y: Sequence[np.ndarray], weight: Optional[np.ndarray],
                 batch: int):
        """Raises Unsupported if the lengths differ."""
        self.samples = len(x[0])
        if any(len(a) != self.samples for a in [*x, *y, *([] if weight is None else [weight])]):
            raise Unsupported("x, y and sample_weight have different lengths")
        self._x: List[Column] = [Column(a, np.float32, batch) for a in x]
        self._y: List[Column] = [Column(a, a.dtype.type, batch) for a in y]
        self._weight = None if weight is None else Column(weight, np.float32, batch)
        self.x = (c_void_p * len(self._x))()
        self.y = (c_void_p * max(1, len(self._y)))()
        self.weight: Optional[int] = None

    def rows(self, first: int, n: int) -> None:
        """Points to n samples in order."""
        for i, column in enumerate(self._x):
            self.x[i] = column.rows(first, n)
        for i, column in enumerate(self._y):
            self.y[i] = column.rows(first, n)
        if self._weight:
            self.weight = self._weight.rows(first, n)

    def gather(self, indices: np.ndarray) -> None:
        """Points to these samples."""
        for i, column in enumerate(self._x):
            self.x[i] = column.gather(indices)
        for i, column in enumerate(self._y):
            self.y[i] = column.gather(indices)
        if self._weight:
            self.weight = self._weight.gather(indices)
