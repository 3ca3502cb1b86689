"""The training functions of one compiled model, called with as little Python as possible."""
from __future__ import annotations

from ctypes import byref
from typing import Any

from .abi import Step, Trainer
from .feed import Feed
from .spec import Spec, Totals
from .variables import State


class Engine:
    """A compiled training step, the Keras model's state in it, and what its numbers are called."""

    def __init__(self, model: Any, trainer: Trainer):
        """For a built model. Raises Unsupported where lathe and Keras do not match."""
        self.trainer = trainer
        self.batch: int = trainer.table.batch
        self.spec = Spec(model, trainer.table)
        self.state = State(model, trainer)
        self._step = Step(target=-1)
        self._reference = byref(self._step)
        self._addresses = trainer.state.ctypes.data, trainer.workspace.ctypes.data
        self._train = trainer.table.train_step
        self._evaluate = trainer.table.evaluate

    def seed(self, seed: int) -> None:
        """The key of all dropout from now on."""
        self._step.seed = seed

    def train(self, feed: Feed, n: int, first: int, rate: float, totals: Totals) -> None:
        """One step with the n samples that the feed points to; `first` is the id of the first of them."""
        step = self._step
        step.n, step.first_sample, step.step, step.learning_rate = n, first, self.state.step, rate
        step.sample_weight = feed.weight
        self._train(*self._addresses, self._reference, feed.x, feed.y, totals.metrics)
        self.state.step += 1
        totals.add(n)

    def evaluate(self, feed: Feed, first: int, n: int, totals: Totals) -> None:
        """Adds loss and accuracy of n samples from `first` on."""
        step = self._step
        for start in range(first, first + n, self.batch):
            step.n = min(self.batch, first + n - start)
            feed.rows(start, step.n)
            step.sample_weight = feed.weight
            self._evaluate(*self._addresses, self._reference, feed.x, feed.y, totals.metrics)
            totals.add(step.n)
