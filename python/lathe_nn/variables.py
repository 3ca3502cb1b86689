"""The state of training in two places: Keras's variables and the generated code's tensors."""
from __future__ import annotations

from typing import Any, Dict, List, Tuple

import keras
import numpy as np

from .abi import Trainer
from .errors import Unsupported

# lathe's slot name -> the attribute of Keras's optimizer that lists those variables.
SLOTS = {"SGD": {"velocity": "momentums"},
         "Adam": {"m": "_momentums", "v": "_velocities", "vhat": "_velocity_hats"},
         "RMSprop": {"velocity": "_velocities", "momentum": "_momentums",
                     "average_gradient": "_average_gradients"}}
SLOTS["AdamW"] = SLOTS["Adam"]
ACCUMULATOR = {"accumulator": "_accumulated_gradients"}

# Backends whose variables get a new value object with every assignment: an equal object is an equal value.
REPLACING = ("jax", "numpy")


def named_weights(model: Any) -> Dict[str, Any]:
    """Keras's variables under lathe's tensor names, such as "conv2d/kernel".

    Raises Unsupported where two have one name."""
    named: Dict[str, Any] = {}
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables + layer._non_trainable_variables:
            name = "%s/%s" % (layer.name, variable.name)
            if named.setdefault(name, variable) is not variable:
                raise Unsupported("two weights of the model are called %s" % name)
    return named


def named_slots(model: Any, weights: Dict[str, Any]) -> Dict[str, Any]:
    """The optimizer's variables under lathe's names, such as "conv2d/kernel/m"."""
    optimizer = model.optimizer
    names = {id(variable): name for name, variable in weights.items()}
    slots = dict(SLOTS.get(type(optimizer).__name__, {}), **ACCUMULATOR)
    return {"%s/%s" % (names[id(weight)], slot): variable
            for slot, attribute in slots.items()
            for weight, variable in zip(optimizer._trainable_variables, getattr(optimizer, attribute, None) or [])
            if id(weight) in names}


class State:
    """Weights, statistics, slots and the number of steps of a Keras model, and the same of a Trainer.

    `push` brings what changed in Keras to the generated code, `pull` brings everything back."""

    def __init__(self, model: Any, trainer: Trainer):
        """Raises Unsupported unless every tensor of one side has its counterpart on the other."""
        self._trainer = trainer
        self._iterations = model.optimizer._iterations
        weights = named_weights(model)
        known = {**weights, **named_slots(model, weights)}
        missing = sorted(set(trainer.index) - set(known)) or sorted(set(weights) - set(trainer.index))
        if missing:
            raise Unsupported("lathe and Keras name the weights differently: %s" % ", ".join(missing))
        self._pairs: List[Tuple[Any, int]] = []
        for name, index in trainer.index.items():
            if tuple(known[name].shape) != trainer.shape[name]:
                raise Unsupported("%s is %s for Keras and %s for lathe" % (
                    name, tuple(known[name].shape), trainer.shape[name]))
            self._pairs.append((known[name], index))
        self._shapes = [trainer.shape[name] for name in trainer.index]
        self._seen: List[Any] = [None] * len(self._pairs)
        self._seen_iterations: Any = None
        self._replacing = keras.backend.backend() in REPLACING
        self.step = 0  # optimizer steps done
        self._pulled = 0  # the step whose values Keras has

    def _changed(self, variable: Any, seen: Any) -> bool:
        return not (self._replacing and variable.value is seen)

    def push(self) -> None:
        """Keras's values to the generated code, as far as they changed since the last push or pull.

        Values of a backend that changes them in place don't tell whether somebody did; but nobody looked at them
        while Keras does not have the newest, so there is nothing to bring."""
        if not self._replacing and self.step != self._pulled:
            return
        table, state = self._trainer.table, self._trainer.state.ctypes.data
        for i, (variable, index) in enumerate(self._pairs):
            if self._changed(variable, self._seen[i]):
                value = np.require(keras.ops.convert_to_numpy(variable.value), np.float32, ("C", "A"))
                table.import_tensor(state, index, value.ctypes.data)
                self._seen[i] = variable.value
        if self._changed(self._iterations, self._seen_iterations):
            self.step = int(keras.ops.convert_to_numpy(self._iterations.value))
            self._seen_iterations = self._iterations.value
            self._pulled = self.step

    def pull(self) -> None:
        """The generated code's values to Keras, if there were steps since the last push or pull."""
        if self.step == self._pulled:
            return
        table, state = self._trainer.table, self._trainer.state.ctypes.data
        for i, (variable, index) in enumerate(self._pairs):
            # A new array each time: a backend may go on using its memory.
            value = np.empty(self._shapes[i], np.float32)
            table.export_tensor(state, index, value.ctypes.data)
            variable.assign(value)
            self._seen[i] = variable.value
        self._iterations.assign(self.step)
        self._seen_iterations = self._iterations.value
        self._pulled = self.step
