"""Which of the generated code's losses and accuracies Keras calls what."""
from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

import keras
import numpy as np

from . import arrays
from .abi import Metrics, ModelTable
from .errors import Unsupported

# The accuracy that lathe computes with each loss; with others the binary one.
SPARSE, ONE_HOT, BINARY = (keras.metrics.SparseCategoricalAccuracy, keras.metrics.CategoricalAccuracy,
                           keras.metrics.BinaryAccuracy)
ACCURACIES = {"sparse_categorical_crossentropy": SPARSE, "categorical_crossentropy": ONE_HOT}


def build(model: Any, x: List[np.ndarray], y: Any, weight: Any) -> None:
    """Lets Keras make whatever its own fit makes before the first batch: weights, optimizer, metrics."""
    first = keras.tree.map_structure(lambda a: a if a is None else a[:1], (model_inputs(model, x), y, weight))
    model._symbolic_build(data_batch=tuple(first))


def model_inputs(model: Any, x: Sequence[Any]) -> Any:
    """A list with an entry for each input in the structure that the model takes."""
    struct = getattr(model, "_inputs_struct", None)
    if struct is None:
        return x[0]
    return keras.tree.pack_sequence_as(struct, list(x))


def model_outputs(model: Any, y: Sequence[Any]) -> Any:
    """A list with an entry for each output in the structure that the model returns."""
    functional = model if hasattr(model, "_outputs_struct") else getattr(model, "_functional", None)
    struct = getattr(functional, "_outputs_struct", None)
    return y[0] if struct is None else keras.tree.pack_sequence_as(struct, list(y))


def _output_of(model: Any, path: Tuple[Any, ...]) -> int:
    """The index of the output that a loss of Keras is for."""
    place = model_outputs(model, range(len(model.outputs)))
    for key in path:
        place = place[key] if isinstance(place, (list, tuple)) or key in place else None
    if not isinstance(place, int):
        raise Unsupported("a loss for %s, which is no output of the model" % (path,))
    return place


class Spec:
    """How sums of the generated code become Keras's logs, and its labels the generated code's."""

    def __init__(self, model: Any, table: ModelTable):
        """For a built model. Raises Unsupported where the two do not match."""
        self._losses = [(loss.output, loss.name.decode(), table.output[loss.output].shape)
                        for loss in table.loss[:table.losses]]
        self._has_accuracy = [bool(loss.has_accuracy) for loss in table.loss[:table.losses]]
        self.count = 1 if table.losses == 1 else 1 + table.losses
        self._outputs = model.output_names if len(model.outputs) > 1 else ["output"]
        index = {output: i for i, (output, _, _) in enumerate(self._losses)}
        self.keys: List[Tuple[str, int, str]] = [("loss", 0, "loss")]
        self._add_accuracies(model, index)
        if table.losses > 1:
            for loss in model._compile_loss._flat_losses:
                self.keys.append((loss.name + "_loss", 1 + index[_output_of(model, loss.path)], "loss"))
        self.keys.sort()  # as Keras sorts its logs

    def _add_accuracies(self, model: Any, index: Dict[int, int]) -> None:
        metrics = model._compile_metrics
        if metrics is None:
            return
        names = list(metrics.result())
        for output, group in enumerate(metrics._flat_metrics):
            for metric in group.metrics if group else []:
                self._check(metric, output, index)
                at = 0 if self.count == 1 else 1 + index[output]
                self.keys.append((names.pop(0), at, "correct"))

    def _check(self, metric: Any, output: int, index: Dict[int, int]) -> None:
        if output not in index:
            raise Unsupported("the metric %s of an output without a loss" % metric.name)
        loss = self._losses[index[output]][1]
        if type(metric) is not ACCURACIES.get(loss, BINARY) or not self._has_accuracy[index[output]]:
            raise Unsupported("the metric %s with the loss %s" % (type(metric).__name__, loss))

    def labels(self, y: Any) -> List[np.ndarray]:
        """y as the generated code takes it, an array for each loss. Raises Unsupported."""
        each = arrays.per_loss(y, self._outputs, [output for output, _, _ in self._losses])
        return [arrays.labels(part, name, shape) for part, (_, name, shape) in zip(each, self._losses)]


class Totals:
    """Sums over the batches of an epoch."""

    def __init__(self, spec: Spec):
        self._keys = spec.keys
        self.metrics = (Metrics * spec.count)()  # of one call; the generated code writes it
        self._sums = {key: 0.0 for key, _, _ in self._keys}
        self._read = [(key, self.metrics[i], field) for key, i, field in self._keys]
        self._samples = 0

    def add(self, n: int) -> None:
        """Adds what the last call found for n samples."""
        sums = self._sums
        for key, metrics, field in self._read:
            sums[key] += getattr(metrics, field)
        self._samples += n

    def logs(self) -> Dict[str, float]:
        """Means under Keras's names."""
        return {key: total / self._samples for key, total in self._sums.items()}
