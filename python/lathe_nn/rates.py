"""The learning rate of each step."""
from __future__ import annotations

from typing import Any, List

import keras
import numpy as np

from .errors import Unsupported


def _number(value: Any) -> float:
    return float(keras.ops.convert_to_numpy(value))


def _of_schedule(schedule: Any, step: int, count: int) -> List[float]:
    """All rates in one call where the schedule takes many steps at once, as Keras's own do. A schedule of
    the user may not: then the call fails, or its ends differ from what single calls say."""
    ends = [_number(schedule(step)), _number(schedule(step + count - 1))]
    try:
        rates = keras.ops.convert_to_numpy(schedule(np.arange(step, step + count, dtype=np.int32)))
    except Exception:  # whatever a user's function raises for an array
        rates = None
    if rates is not None and np.shape(rates) == (count,) and np.allclose(rates[[0, -1]], ends, rtol=1e-6):
        return rates.tolist()
    return [_number(schedule(step + i)) for i in range(count)]


class Rates:
    """The optimizer's learning rate: a number that callbacks may change, or a schedule."""

    def __init__(self, optimizer: Any):
        """Raises Unsupported for a function without arguments, which may return anything at any time."""
        self._optimizer = optimizer
        if not self.scheduled and not hasattr(optimizer._learning_rate, "assign"):
            raise Unsupported("a function as the learning rate")

    @property
    def scheduled(self) -> bool:
        """Whether the rate depends on the step."""
        return isinstance(self._optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule)

    def of(self, step: int, count: int) -> List[float]:
        """The rates of `count` steps, after `step` others."""
        if self.scheduled:
            return _of_schedule(self._optimizer._learning_rate, step, count)
        return [self.now()] * count

    def now(self) -> float:
        """The rate that is not scheduled, which a callback may have set."""
        return _number(self._optimizer._learning_rate)
