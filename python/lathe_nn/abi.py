"""The generated interface (runtime/lathe_abi.h) in ctypes: the structures, and the functions of a shared
library that holds one compiled model."""
from __future__ import annotations

import ctypes
import os
from ctypes import (POINTER, Structure, c_char_p, c_double, c_float, c_int, c_int64, c_size_t, c_uint64,
                    c_void_p)
from typing import Dict, Optional, Sequence, Tuple, Union

import numpy as np

from .errors import LatheError

ABI = 2
RANK = 8
ROLES = ("weight", "statistic", "slot")
F32, I64, BOOL = range(3)

Arrays = Union[np.ndarray, Sequence[np.ndarray]]


class Weights(Structure):
    _fields_ = [("image", c_void_p), ("bytes", c_size_t), ("target", c_int),
                ("parallel_for", c_void_p), ("parallel_context", c_void_p)]


class Step(Structure):
    _fields_ = [("n", c_int), ("target", c_int), ("step", c_uint64), ("first_sample", c_uint64),
                ("seed", c_uint64), ("learning_rate", c_float), ("parallel_for", c_void_p),
                ("parallel_context", c_void_p), ("sample_weight", c_void_p)]


class Metrics(Structure):
    _fields_ = [("loss", c_double), ("correct", c_double), ("count", c_uint64)]


class Tensor(Structure):
    _fields_ = [("name", c_char_p), ("role", c_int), ("trainable", c_int), ("rank", c_int),
                ("dim", c_int64 * RANK), ("count", c_int64)]


class Value(Structure):
    _fields_ = [("name", c_char_p), ("dtype", c_int), ("rank", c_int), ("dim", c_int64 * RANK),
                ("count", c_int64)]

    @property
    def shape(self) -> Tuple[int, ...]:
        """Of one sample."""
        return tuple(self.dim[:self.rank])


class Loss(Structure):
    _fields_ = [("output", c_int), ("name", c_char_p), ("weight", c_float),
                ("float_labels", c_int), ("has_accuracy", c_int)]


_PREDICT = ctypes.CFUNCTYPE(None, POINTER(Weights), c_void_p, c_int, c_void_p, c_void_p)
_TRAIN = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, POINTER(Step), c_void_p, c_void_p,
                          POINTER(Metrics))
_TENSOR = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_void_p)


class ModelTable(Structure):
    _fields_ = [
        ("abi", c_int), ("name", c_char_p), ("model_hash", c_uint64), ("batch", c_int),
        ("inputs", c_int), ("outputs", c_int), ("losses", c_int), ("input", POINTER(Value)),
        ("output", POINTER(Value)), ("loss", POINTER(Loss)), ("input_scale", c_float),
        ("optimizer", c_char_p), ("learning_rate", c_float),
        ("classes", c_int), ("class_name", POINTER(c_char_p)), ("targets", c_int),
        ("target_name", POINTER(c_char_p)), ("weights_bytes", c_size_t),
        ("state_bytes", c_size_t), ("workspace_bytes", c_size_t), ("alignment", c_size_t),
        ("embedded_weights", c_void_p), ("tensors", c_int), ("tensor", POINTER(Tensor)),
        ("weights_open", ctypes.CFUNCTYPE(c_int, POINTER(Weights), c_void_p, c_size_t)),
        ("weights_verify", ctypes.CFUNCTYPE(c_int, POINTER(Weights))),
        ("predict", _PREDICT), ("predict_u8", _PREDICT),
        ("init", ctypes.CFUNCTYPE(None, c_void_p, c_uint64)),
        ("gradients", _TRAIN), ("gradients_u8", _TRAIN),
        ("apply", ctypes.CFUNCTYPE(None, c_void_p, c_void_p, POINTER(Step))),
        ("train_step", _TRAIN), ("train_step_u8", _TRAIN),
        ("evaluate", _TRAIN), ("evaluate_u8", _TRAIN),
        ("export_tensor", _TENSOR), ("import_tensor", _TENSOR), ("export_gradient", _TENSOR),
        ("self_test", ctypes.CFUNCTYPE(c_int, POINTER(Weights), c_void_p, c_void_p)),
    ]


def aligned(size: int, alignment: int) -> np.ndarray:
    """`size` zero bytes at an address that is a multiple of `alignment`."""
    raw = np.zeros(size + alignment, dtype=np.uint8)
    skip = -raw.ctypes.data % alignment
    return raw[skip:skip + size]


def _share_processors() -> None:
    """Lets OpenMP's threads that wait go to sleep soon: gcc's spin for milliseconds by default, and where another
    program wants the processor, each step waits for a thread that spins in vain. Counts where the OpenMP library is
    not loaded yet; what the user has set stays."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")


def load(library: str, name: Optional[str] = None) -> ModelTable:
    """The table of the one model in a shared library; `name` is the model's where the file has another.

    Raises LatheError if the library was written for another version of the interface."""
    name = name or os.path.basename(library)[:-3]
    _share_processors()
    handle = ctypes.CDLL(library)
    table = ModelTable.in_dll(handle, name + "_model")
    if table.abi != ABI:
        raise LatheError("%s has interface %d, not %d" % (library, table.abi, ABI))
    table.handle = handle
    return table


def as_input(array: np.ndarray) -> np.ndarray:
    """Bytes as they are, everything else as floats; a copy only where needed."""
    return np.ascontiguousarray(array, dtype=np.uint8 if array.dtype == np.uint8 else np.float32)


def pointers(arrays: Sequence[np.ndarray]) -> ctypes.Array:
    """A C array of the arrays' addresses."""
    return (c_void_p * len(arrays))(*[array.ctypes.data for array in arrays])


def read_image(path: str) -> np.ndarray:
    """The bytes of a weights file, aligned as weights_open wants them."""
    with open(path, "rb") as f:
        image = aligned(os.path.getsize(path), 64)
        f.readinto(image)
    return image


class Predictor:
    """The inference functions of a library, with its embedded weights, those beside it, or `image`."""

    def __init__(self, library: str, name: Optional[str] = None, image: Optional[np.ndarray] = None):
        self.table = load(library, name)
        self.workspace = aligned(self.table.workspace_bytes, self.table.alignment)
        if image is None and not self.table.embedded_weights:
            image = read_image(library[:-3] + ".weights")
        self.bind(image)

    def bind(self, image: Optional[np.ndarray]) -> None:
        """Uses these weights, or with None the embedded ones. Raises LatheError if they are refused."""
        size = self.table.weights_bytes if image is None else image.size
        address = self.table.embedded_weights if image is None else image.ctypes.data
        weights = Weights()
        code = self.table.weights_open(weights, address, size) or self.table.weights_verify(weights)
        if code:
            raise LatheError("the weights of %s were refused with code %d"
                             % (self.table.name.decode(), code))
        self.weights, self.image = weights, image

    def predict(self, x: Arrays) -> Arrays:
        """Outputs for an array of inputs, or a list of outputs for a list of inputs.

        Inputs are (samples, ...), floats as Keras sees them or raw bytes; outputs are floats."""
        if not isinstance(x, (list, tuple)):
            return self.predict([x])[0]
        entry = self.table.predict_u8 if x[0].dtype == np.uint8 else self.table.predict
        x = [as_input(array) for array in x]
        y = [np.full((len(x[0]),) + v.shape, np.nan, dtype=np.float32)
             for v in self.table.output[:self.table.outputs]]
        for first in range(0, len(x[0]), self.table.batch):
            part = [array[first:first + self.table.batch] for array in x]
            entry(self.weights, self.workspace.ctypes.data, len(part[0]), pointers(part),
                  pointers([array[first:] for array in y]))
        return y


class Trainer:
    """The training functions of a library over one state."""

    def __init__(self, library: str, name: Optional[str] = None):
        self.table = load(library, name)
        self.state = aligned(self.table.state_bytes, self.table.alignment)
        self.workspace = aligned(self.table.workspace_bytes, self.table.alignment)
        self.index: Dict[str, int] = {}
        self.shape: Dict[str, Tuple[int, ...]] = {}
        self.role: Dict[str, str] = {}
        self.trainable: Dict[str, bool] = {}
        for i in range(self.table.tensors):
            tensor = self.table.tensor[i]
            name = tensor.name.decode()
            self.index[name] = i
            self.shape[name] = tuple(tensor.dim[:tensor.rank])
            self.role[name] = ROLES[tensor.role]
            self.trainable[name] = bool(tensor.trainable)
        self.init()

    def init(self, seed: int = 0) -> None:
        """Initial weights drawn from the seed; slots are zero."""
        self.table.init(self.state.ctypes.data, seed)

    def get(self, name: str) -> np.ndarray:
        """A new array with the tensor in Keras's order."""
        out = np.full(self.shape[name], np.nan, dtype=np.float32)
        self.table.export_tensor(self.state.ctypes.data, self.index[name], out.ctypes.data)
        return out

    def set(self, name: str, value: np.ndarray) -> None:
        """Raises ValueError for another shape."""
        value = np.require(value, dtype=np.float32, requirements=("C", "A"))
        if value.shape != self.shape[name]:
            raise ValueError("%s is %s, not %s" % (name, self.shape[name], value.shape))
        self.table.import_tensor(self.state.ctypes.data, self.index[name], value.ctypes.data)

    def gradient(self, name: str) -> np.ndarray:
        """Of a trainable weight, after `gradients`."""
        out = np.full(self.shape[name], np.nan, dtype=np.float32)
        self.table.export_gradient(self.workspace.ctypes.data, self.index[name], out.ctypes.data)
        return out

    def _labels(self, labels):
        return [np.ascontiguousarray(array, dtype=np.float32 if l.float_labels else np.int32)
                for array, l in zip(labels, self.table.loss[:self.table.losses])]

    def _step(self, x, scalars):
        n = len(x[0] if isinstance(x, (list, tuple)) else x)
        s = Step(n=n, target=-1, learning_rate=self.table.learning_rate)
        for field, value in scalars.items():
            setattr(s, field, value)
        return s

    def _call(self, entry, x, labels, scalars):
        """Calls the float or the byte entry point; mean loss and accuracy of the batch, and for lists
        of inputs and labels a list of them: the total, then each of several losses."""
        if not isinstance(x, (list, tuple)):
            return self._call(entry, [x], [labels], scalars)[0]
        entry = getattr(self.table, entry + ("_u8" if x[0].dtype == np.uint8 else ""))
        x, labels = [as_input(array) for array in x], self._labels(labels)
        metrics = (Metrics * (1 + self.table.losses))()
        entry(self.state.ctypes.data, self.workspace.ctypes.data, self._step(x, scalars),
              pointers(x), pointers(labels), metrics)
        return [(m.loss / len(x[0]), m.correct / len(x[0])) for m in metrics]

    def gradients(self, x, labels, **scalars):
        """Forward and backward pass of one batch; `scalars` are fields of Step."""
        return self._call("gradients", x, labels, scalars)

    def apply(self, x, **scalars) -> None:
        """The optimizer's step with the gradients of the last call for x."""
        self.table.apply(self.state.ctypes.data, self.workspace.ctypes.data,
                         self._step(x, scalars))

    def train_step(self, x, labels, **scalars):
        """One step of training; loss and accuracy before it."""
        return self._call("train_step", x, labels, scalars)

    def evaluate(self, x, labels, **scalars):
        """Loss and accuracy of one batch."""
        return self._call("evaluate", x, labels, scalars)
