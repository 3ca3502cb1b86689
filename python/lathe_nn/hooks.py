"""Which callbacks want to hear of what, so that a batch costs little where none does."""
from __future__ import annotations

import time
from typing import Any, Callable, Dict, Optional

import keras

Logs = Dict[str, float]

_callbacks = keras.callbacks
# Callbacks of Keras that never look at the model's weights.
BLIND = (_callbacks.History, _callbacks.ProgbarLogger, _callbacks.ReduceLROnPlateau, _callbacks.CSVLogger,
         _callbacks.LearningRateScheduler, _callbacks.TerminateOnNaN)
# Callbacks that have batch hooks, but do nothing there unless they count batches.
SAVERS = (_callbacks.ModelCheckpoint, _callbacks.BackupAndRestore)
# Seconds between two updates of the progress bar; Keras's own bar ignores those in between.
INTERVAL = 0.05


def _is_default(callback: Any, name: str) -> bool:
    return getattr(getattr(callback, name), "_is_default", False)


def _hears_batches(callback: Any, stage: str) -> bool:
    if type(callback) is _callbacks.ProgbarLogger:
        return False
    if type(callback) in SAVERS and getattr(callback, "save_freq", None) == "epoch":
        return False
    names = ["on_%s_batch_begin" % stage, "on_%s_batch_end" % stage]
    names += ["on_batch_begin", "on_batch_end"] if stage == "train" else []
    return not all(_is_default(callback, name) for name in names)


class Hooks:
    """The batch hooks of one stage: "train", "test" or "predict".

    Attributes:
        watched: some callback of the user's hears of every batch.
        looking: some callback may look at the model's weights: after an epoch, and if `watched` after
            every batch.
        looking_at_batches: one that hears of every batch may look at the weights.
        outside: one of those may do so past its attribute `model`.
    """

    def __init__(self, callbacks: Any, stage: str):
        hearers = [c for c in callbacks.callbacks if _hears_batches(c, stage)]
        self.watched = bool(hearers)
        self.looking = any(type(c) not in BLIND for c in callbacks.callbacks)
        self.looking_at_batches = any(type(c) not in BLIND for c in hearers)
        self.outside = any(isinstance(c, _callbacks.LambdaCallback) for c in hearers)
        self._begin = getattr(callbacks, "on_%s_batch_begin" % stage)
        self._end = getattr(callbacks, "on_%s_batch_end" % stage)
        bars = [c for c in callbacks.callbacks if type(c) is _callbacks.ProgbarLogger and c.verbose == 1]
        self._bar_end: Optional[Callable] = getattr(bars[0], "on_%s_batch_end" % stage) if bars else None
        self._due = 0.0

    def begin(self, batch: int) -> None:
        if self.watched:
            self._begin(batch)

    def end(self, batch: int, logs: Callable[[], Any]) -> None:
        """`logs` makes what the hooks get; it is called only if somebody listens."""
        if self.watched:
            self._end(batch, logs())
        elif self._bar_end:
            now = time.monotonic()
            # The bar takes the time of a step from its first two calls on.
            if batch == 0 or now >= self._due:
                self._due = now + INTERVAL
                self._bar_end(batch, logs())
