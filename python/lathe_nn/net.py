"""lathe_nn.compile: a model as a function in compiled C."""
from __future__ import annotations

import ctypes
import os
import shutil
import threading
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import abi
from .generated import Generated

DTYPES = {abi.F32: np.float32, abi.I64: np.int64, abi.BOOL: np.bool_}

Inputs = Union[np.ndarray, Sequence[np.ndarray], Mapping[str, np.ndarray]]


class Threads:
    """Limits the OpenMP threads of one library's calls, and leaves the caller's limit as it was."""

    def __init__(self, library: ctypes.CDLL, count: Optional[int]):
        self.count = count
        self._set = self._get = None
        if count is not None and hasattr(library, "omp_set_num_threads"):
            self._set, self._get = library.omp_set_num_threads, library.omp_get_max_threads

    def __enter__(self) -> None:
        if self._set:
            self._before = self._get()
            self._set(self.count)

    def __exit__(self, *_: object) -> None:
        if self._set:
            self._set(self._before)


class Net:
    """A network in compiled C: `net(x)` runs it. Made by `lathe_nn.compile`.

    Attributes:
        name: the model's name in the C.
        inputs, outputs: name -> shape of one sample, in the model's order.
        batch: samples that one call of the C takes; `net(x)` takes any number.
    """

    def __init__(self, generated: Generated, threads: Optional[int]):
        self._generated = generated
        self._predictor = generated.predictor()
        table = self._predictor.table
        self.name: str = generated.name
        self.batch: int = table.batch
        self._inputs = table.input[:table.inputs]
        self._outputs = table.output[:table.outputs]
        self.inputs: Dict[str, Tuple[int, ...]] = {v.name.decode(): v.shape for v in self._inputs}
        self.outputs: Dict[str, Tuple[int, ...]] = {v.name.decode(): v.shape for v in self._outputs}
        self._threads = Threads(table.handle, threads)
        self._lock = threading.Lock()

    def __call__(self, x: Inputs) -> Union[np.ndarray, List[np.ndarray]]:
        """The outputs for a batch of any size.

        Args:
            x: an array (samples, ...) for a model with one input; for several a list in the model's
                order or a dictionary by name. Float arrays are used without a copy where they are
                contiguous float32; others are converted. Bytes are numbers from 0 to 255, as for Keras.

        Returns:
            An array (samples, ...) of float32 (whole numbers and truth values of an ONNX model: int64,
            bool), or a list of them for several outputs.

        Raises:
            ValueError: another number of inputs, another shape, or inputs of different lengths.
        """
        arrays = self._arrays(x)
        with self._lock, self._threads:
            outputs = self._predictor.predict(arrays)
        outputs = [y.astype(DTYPES[v.dtype], copy=False) for y, v in zip(outputs, self._outputs)]
        return outputs if len(outputs) > 1 else outputs[0]

    def _arrays(self, x: Inputs) -> List[np.ndarray]:
        if isinstance(x, Mapping):
            missing = set(self.inputs) ^ set(x)
            if missing:
                raise ValueError("the inputs are %s, not %s" % (list(self.inputs), list(x)))
            x = [x[name] for name in self.inputs]
        elif not isinstance(x, (list, tuple)):
            x = [x]
        if len(x) != len(self._inputs):
            raise ValueError("the model has %d inputs, not %d" % (len(self._inputs), len(x)))
        arrays = [np.ascontiguousarray(array, dtype=np.float32) for array in x]
        for array, (name, shape) in zip(arrays, self.inputs.items()):
            if array.ndim != 1 + len(shape) or array.shape[1:] != shape or len(array) != len(arrays[0]):
                raise ValueError("input %s has shape %s, not (%d, %s)" % (
                    name, array.shape, len(arrays[0]) if arrays[0].ndim else 0, ", ".join(map(str, shape))))
        return arrays

    @property
    def c_source(self) -> str:
        """The generated C."""
        return self._generated.text()

    def save(self, folder: Union[str, os.PathLike]) -> None:
        """Writes NAME.c, NAME.h and, for larger networks, NAME.weights into a folder, which is made if it
        is missing. Raises OSError."""
        shutil.copytree(self._generated.folder, folder, dirs_exist_ok=True)


def _option_words(options: Dict[str, Any]) -> List[object]:
    words: List[object] = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, Mapping):
            for key, dims in value.items():
                words += [option, "%s=%s" % (key, "x".join(map(str, dims)))]
        elif value is True:
            words.append(option)
        elif value is not None and value is not False:
            words += [option, value]
    return words


def compile(model: Union[str, os.PathLike, Any], *, batch: int = 1, threads: Optional[int] = None,
            weights: Optional[Union[str, os.PathLike]] = None, exact: bool = False,
            weights_type: Optional[str] = None, target: Optional[str] = None, tuned: Optional[str] = None,
            input_shape: Optional[Mapping[str, Sequence[int]]] = None, seed: Optional[int] = None) -> Net:
    """Compiles a model to C and the C to a function.

    Args:
        model: a live Keras model, or the path of a Keras script, .keras, .h5, .json or .onnx file, or the
            name of a network of keras.applications.
        batch: samples for which the C is specialised; `net(x)` takes any number.
        threads: most threads of a call (default: OpenMP's own choice).
        weights: a file of trained weights (.safetensors, .weights.h5, .h5, .keras). Without it a live
            model's own are used, and for a script they are drawn from `seed`.
        exact: no Winograd convolutions: every sum in the order of its definition.
        weights_type: how kernels are stored: "f32", or in 16 bits "f16" or "bf16".
        target: the vector instructions, such as "avx512,avx2,sse2" (default: this machine's).
        tuned: the file that `lathe tune` wrote.
        input_shape: sizes of the inputs of an ONNX model that leaves them open, such as
            {"x": (1, 3, 224, 224)}.
        seed: key of initial weights.

    Returns:
        A `Net`.

    Raises:
        LatheError: lathe cannot compile the model, or the C compiler failed; with their message.
    """
    words = _option_words({"batch": batch, "exact": exact, "weights_type": weights_type, "target": target,
                           "tuned": tuned, "input_shape": input_shape, "seed": seed})
    words += [] if weights is None else ["--weights", os.fspath(weights)]
    if isinstance(model, (str, os.PathLike)):
        return Net(Generated(os.fspath(model), *words), threads)
    if not hasattr(model, "save_weights"):
        raise TypeError("a Keras model or the path of one, not %r" % type(model).__name__)
    from .handover import generate  # imports Keras, which files do not need
    return Net(generate(model, words, weights=weights is None), threads)
