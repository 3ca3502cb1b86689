"""What users pass as x, y and sample_weight, as the arrays that generated code takes."""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import keras
import numpy as np

from .errors import Unsupported

NUMBERS = "biuf"  # kinds of NumPy types


def as_array(value: Any, what: str) -> np.ndarray:
    """An array or a tensor of any backend as a NumPy array; no copy where it is one or shares memory.

    Raises Unsupported for anything else."""
    if keras.ops.is_tensor(value):
        value = keras.ops.convert_to_numpy(value)
    if not isinstance(value, np.ndarray):
        raise Unsupported("%s is of type %s, not an array" % (what, type(value).__name__))
    if value.dtype.kind not in NUMBERS or value.ndim == 0:
        raise Unsupported("%s is an array of %s with shape %s" % (what, value.dtype, value.shape))
    return value


def _fitted(array: np.ndarray, shape: Tuple[int, ...], what: str) -> np.ndarray:
    """The array as (samples, *shape); like Keras, a last dimension of 1 may be missing or too many."""
    wanted = (len(array),) + shape
    if array.shape == wanted or array.shape == wanted + (1,) or array.shape + (1,) == wanted:
        return array.reshape(wanted)
    raise Unsupported("%s has shape %s, not %s" % (what, array.shape, wanted))


def inputs(model: Any, x: Any) -> List[np.ndarray]:
    """One array for each of the model's inputs, (samples, ...). Raises Unsupported."""
    tensors = model.inputs
    if isinstance(x, dict):
        struct = getattr(model, "_inputs_struct", None)
        if isinstance(struct, dict) and set(struct) <= set(x):
            x = keras.tree.flatten({name: x[name] for name in struct})
        elif {t.name for t in tensors} <= set(x):
            x = [x[t.name] for t in tensors]
        else:
            raise Unsupported("x has other names than the model's inputs")
    elif not isinstance(x, (list, tuple)):
        x = [x]
    if len(x) != len(tensors):
        raise Unsupported("x is %d arrays for a model of %d inputs" % (len(x), len(tensors)))
    arrays = [as_array(array, "x") for array in x]
    if any(len(array) != len(arrays[0]) for array in arrays):
        raise Unsupported("the arrays of x have different lengths")
    shapes = [tuple(t.shape[1:]) for t in tensors]
    if any(None in shape for shape in shapes):
        raise Unsupported("an input of the model has an open shape: %s" % (shapes,))
    return [_fitted(array, shape, "x") for array, shape in zip(arrays, shapes)]


def per_loss(y: Any, outputs: Sequence[str], used: Sequence[int]) -> List[Any]:
    """The entry of y for each loss; `used` are the outputs that have one. Raises Unsupported."""
    if isinstance(y, dict):
        if not {outputs[i] for i in used} <= set(y):
            raise Unsupported("y has other names than the model's outputs")
        return [y[outputs[i]] for i in used]
    if not isinstance(y, (list, tuple)):
        y = [y]
    if len(y) == len(outputs):
        return [y[i] for i in used]
    if len(y) == len(used):
        return list(y)
    raise Unsupported("y is %d arrays for a model of %d outputs" % (len(y), len(outputs)))


def _indices(y: np.ndarray, classes: int) -> np.ndarray:
    y = _fitted(y, (), "y")
    if len(y) and not (y.min() >= 0 and y.max() < classes):
        raise Unsupported("labels outside of 0 to %d" % (classes - 1))
    return np.ascontiguousarray(y, dtype=np.int32)


def _from_one_hot(y: np.ndarray, classes: int) -> np.ndarray:
    y = _fitted(y, (classes,), "y")
    if not (np.count_nonzero(y, axis=1) == 1).all() or not (y.max(axis=1, initial=0) == 1).all():
        raise Unsupported("labels of categorical_crossentropy that are not one-hot")
    return y.argmax(axis=1).astype(np.int32)


def labels(y: Any, loss: str, shape: Tuple[int, ...]) -> np.ndarray:
    """Labels of one output of this shape: class indices as int32, or floats like the output.

    Raises Unsupported."""
    y = as_array(y, "y")
    if loss == "sparse_categorical_crossentropy":
        return _indices(y, shape[-1])
    if loss == "categorical_crossentropy":
        return _from_one_hot(y, shape[-1])
    return np.ascontiguousarray(_fitted(y, shape, "y"), dtype=np.float32)


def class_weights(y: Any, weights: Dict[int, float]) -> np.ndarray:
    """The weight of each sample, as Keras computes it. Raises Unsupported for several outputs."""
    if isinstance(y, (list, tuple, dict)):
        raise Unsupported("class_weight for several outputs")
    y = as_array(y, "y")
    if y.ndim > 1:
        y = y.argmax(axis=-1) if y.shape[-1] != 1 else y[..., 0]
    classes, which = np.unique(np.round(y).astype(np.int32), return_inverse=True)
    each = np.array([weights.get(int(c), 1.0) for c in classes], np.float32)
    return each[which.reshape(y.shape)]


def sample_weights(value: Any) -> Optional[np.ndarray]:
    """(samples,) as float32, or None. Raises Unsupported for weights of single outputs or elements."""
    if value is None:
        return None
    weights = as_array(value, "sample_weight")
    return np.ascontiguousarray(_fitted(weights, (), "sample_weight"), dtype=np.float32)


def split(structure: Any, share: float) -> Tuple[Any, Any]:
    """The first part of all arrays, and the last `share` of them: validation_split."""
    cut = [None if a is None else as_array(a, "x") for a in keras.tree.flatten(structure)]
    total = len(next((a for a in cut if a is not None), ()))
    at = int(np.floor(total * (1.0 - share)))
    if not 0 < at < total:
        raise Unsupported("validation_split=%g of %d samples" % (share, total))
    parts = [[None if a is None else a[s] for a in cut] for s in (slice(0, at), slice(at, total))]
    return tuple(keras.tree.pack_sequence_as(structure, part) for part in parts)
