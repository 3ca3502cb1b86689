"""Keras's loops of fit, evaluate and predict, with generated code in their middle. The order of hooks is
that of keras.src.backend.jax.trainer."""
from __future__ import annotations

import random
from typing import Any, Callable, Dict, List, Optional

import keras
import numpy as np

from .engine import Engine
from .feed import Feed
from .hooks import Hooks, Logs
from .rates import Rates
from .spec import Totals


def callback_list(model: Any, callbacks: Any, verbose: Any, samples: int, batch: int, epochs: int = 1,
                  history: bool = False) -> Any:
    """The callbacks with the bar and the history that Keras adds."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    # As a list: Keras calls the batch hooks of a single callback from another thread.
    callbacks = keras.tree.flatten(callbacks) if callbacks else []
    return keras.callbacks.CallbackList(callbacks, add_history=history, add_progbar=verbose != 0,
                                        verbose=verbose, epochs=epochs, steps=-(-samples // batch),
                                        model=model)


def evaluate(model: Any, engine: Engine, feed: Feed, batch: int, callbacks: Any) -> Logs:
    """Loss and metrics of a data set with the weights that the engine has."""
    hooks = Hooks(callbacks, "test")
    model.stop_evaluating = False
    totals = Totals(engine.spec)
    callbacks.on_test_begin()
    for i, first in enumerate(range(0, feed.samples, batch)):
        hooks.begin(i)
        engine.evaluate(feed, first, min(batch, feed.samples - first), totals)
        hooks.end(i, totals.logs)
        if model.stop_evaluating:
            break
    logs = totals.logs()
    callbacks.on_test_end(logs)
    return logs


def predict(model: Any, run: Callable[[int, int], List[np.ndarray]], samples: int, batch: int,
            callbacks: Any) -> int:
    """Calls run(first, n), which returns the outputs of n samples, for one batch after another; the number
    of samples done, which a callback may have cut short."""
    hooks = Hooks(callbacks, "predict")
    model.stop_predicting = False
    callbacks.on_predict_begin()
    done = 0
    for i, first in enumerate(range(0, samples, batch)):
        hooks.begin(i)
        done = min(samples, first + batch)
        outputs = run(first, done - first)
        hooks.end(i, lambda: {"outputs": outputs})
        if model.stop_predicting:
            break
    callbacks.on_predict_end()
    return done


class Fit:
    """One call of fit."""

    def __init__(self, model: Any, engine: Engine, feed: Feed, arguments: Dict[str, Any],
                 validate: Optional[Callable[[Any], Logs]]):
        """`arguments` are fit's; `validate` evaluates the validation data for a list of callbacks."""
        self.model, self.engine, self.feed, self.validate = model, engine, feed, validate
        self.batch: int = arguments["batch_size"]
        self.shuffle = arguments["shuffle"]
        self.epochs: int = arguments["epochs"]
        self.initial_epoch: int = arguments["initial_epoch"]
        self.validation_freq = arguments["validation_freq"]
        self.rates = Rates(model.optimizer)
        self.callbacks = callback_list(model, arguments["callbacks"], arguments["verbose"], feed.samples,
                                       self.batch, self.epochs, history=True)
        self.hooks = Hooks(self.callbacks, "train")
        # With JAX, Keras calls model.jax_state_sync before a callback gets the model, History included.
        self.lazy = keras.backend.backend() == "jax" and self.hooks.looking
        self.pulls_batches = self.hooks.looking_at_batches and (self.hooks.outside or not self.lazy)

    def run(self) -> Any:
        """Trains; the model's history. The model has its weights back even after an exception."""
        model, state = self.model, self.engine.state
        # Python's generator: keras.utils.set_random_seed seeds it, and shuffling does not depend on it.
        self.engine.seed(random.getrandbits(64))
        model.stop_training = False
        logs: Logs = {}
        finished = False
        if self.lazy:
            object.__setattr__(model, "jax_state_sync", state.pull)
        try:
            self.callbacks.on_train_begin()
            for epoch in range(model._initial_epoch or self.initial_epoch, self.epochs):
                self.callbacks.on_epoch_begin(epoch)
                state.push()
                logs = self._epoch()
                if self.hooks.looking:
                    state.pull()
                if self.validate and model._should_eval(epoch, self.validation_freq):
                    logs.update({"val_" + name: value for name, value in self.validate(self.callbacks).items()})
                self.callbacks.on_epoch_end(epoch, logs)
                if self.hooks.looking:
                    state.push()
                if model.stop_training:
                    break
            finished = True
        finally:
            state.pull()
            if self.lazy:
                object.__delattr__(model, "jax_state_sync")
            if finished:
                self.callbacks.on_train_end(logs=logs)
        return model.history

    def _order(self) -> Optional[np.ndarray]:
        """The samples of an epoch in the order of their use; None: as they are."""
        samples, batch = self.feed.samples, self.batch
        if self.shuffle == "batch":
            return np.concatenate([first + np.random.permutation(min(batch, samples - first))
                                   for first in range(0, samples, batch)])
        return np.random.permutation(samples) if self.shuffle else None

    def _epoch(self) -> Logs:
        model, engine, feed, hooks, batch = self.model, self.engine, self.feed, self.hooks, self.batch
        totals = Totals(engine.spec)
        order = self._order()
        rates = self.rates.of(engine.state.step, -(-feed.samples // batch))
        for i, first in enumerate(range(0, feed.samples, batch)):
            n = min(batch, feed.samples - first)
            hooks.begin(i)
            if hooks.watched:
                rates = self._after_hooks(rates)
            if order is None:
                feed.rows(first, n)
            else:
                feed.gather(order[first:first + n])
            engine.train(feed, n, first, rates[i], totals)
            if self.pulls_batches:
                engine.state.pull()
            hooks.end(i, totals.logs)
            if hooks.watched:
                rates = self._after_hooks(rates)
            if model.stop_training:
                break
        return totals.logs()

    def _after_hooks(self, rates: List[float]) -> List[float]:
        """Takes over what a batch hook changed."""
        if self.hooks.looking_at_batches:
            self.engine.state.push()
        return rates if self.rates.scheduled else [self.rates.now()] * len(rates)
