"""Generated models from outside: compiles a model with lathe and a C compiler, loads the shared
library and drives it through its table of functions (runtime/lathe_abi.h, mirrored here in ctypes).

LATHE names the command; CC the C compiler (default: cc); LATHE_COMPILED the folder that keeps what
was compiled.
"""
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
from ctypes import (POINTER, Structure, c_char_p, c_double, c_float, c_int, c_int64, c_size_t,
                    c_uint64, c_void_p)

import numpy as np

ABI = 2
RANK = 8
ROLES = ("weight", "statistic", "slot")


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


def lathe(*words):
    """Runs the command; its standard output, or an error with what it said."""
    command = [os.environ["LATHE"], *map(str, words)]
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if run.returncode != 0:
        raise RuntimeError("%s\nexit status %d\n%s" % (" ".join(command), run.returncode, run.stderr))
    return run.stdout


def build(script, folder, *options, flags=("-O2",)):
    """`lathe compile` with these options, then the C compiler: the path of the shared library, which
    lies beside the weights. Equal C is compiled once: several tests want the same networks."""
    shutil.rmtree(folder, ignore_errors=True)
    lathe("compile", script, "-o", folder, *options)
    sources = [f for f in os.listdir(folder) if f.endswith(".c")]
    if len(sources) != 1:
        raise RuntimeError("lathe compile wrote %s in %s, not one C file" % (sources, folder))
    source = os.path.join(folder, sources[0])
    command = [os.environ.get("CC", "cc"), "-std=c99", *flags, "-fPIC", "-shared"]
    with open(source, "rb") as f:
        key = hashlib.sha256(" ".join(command).encode() + f.read()).hexdigest()
    cache = os.environ.get("LATHE_COMPILED") or os.path.join(folder, "compiled")
    kept = os.path.join(cache, key + ".so")
    if not os.path.exists(kept):
        os.makedirs(cache, exist_ok=True)
        fresh = "%s.%d" % (kept, os.getpid())
        subprocess.run([*command, "-o", fresh, source, "-lm"], check=True,
                       stdin=subprocess.DEVNULL)
        os.replace(fresh, kept)
    library = source[:-2] + ".so"
    shutil.copyfile(kept, library + ".part")
    os.replace(library + ".part", library)
    return library


def aligned(size, alignment):
    """`size` zero bytes at an address that is a multiple of `alignment`."""
    raw = np.zeros(size + alignment, dtype=np.uint8)
    skip = -raw.ctypes.data % alignment
    return raw[skip:skip + size]


def load(library):
    """The table of the one model in a shared library."""
    name = os.path.basename(library)[:-3]
    handle = ctypes.CDLL(library)
    table = ModelTable.in_dll(handle, name + "_model")
    if table.abi != ABI:
        raise RuntimeError("%s has interface %d, not %d" % (library, table.abi, ABI))
    table.handle = handle
    return table


def as_input(array):
    return np.ascontiguousarray(array, dtype=np.uint8 if array.dtype == np.uint8 else np.float32)


def pointers(arrays):
    """A C array of the arrays' addresses."""
    return (c_void_p * len(arrays))(*[array.ctypes.data for array in arrays])


class Predictor:
    """The inference functions of a library, with its embedded weights or those beside it."""

    def __init__(self, library):
        self.table = load(library)
        image = self.table.embedded_weights
        size = self.table.weights_bytes
        if not image:
            with open(library[:-3] + ".weights", "rb") as f:
                self.image = aligned(os.path.getsize(f.name), 64)
                f.readinto(self.image)
            image, size = self.image.ctypes.data, self.image.size
        self.weights = Weights()
        code = self.table.weights_open(self.weights, image, size)
        code = code or self.table.weights_verify(self.weights)
        if code:
            raise RuntimeError("the weights of %s were refused with code %d" % (library, code))
        self.workspace = aligned(self.table.workspace_bytes, self.table.alignment)

    def predict(self, x):
        """Outputs for an array of inputs, or a list of outputs for a list of inputs."""
        if not isinstance(x, (list, tuple)):
            return self.predict([x])[0]
        entry = self.table.predict_u8 if x[0].dtype == np.uint8 else self.table.predict
        x = [as_input(array) for array in x]
        y = [np.full((len(x[0]),) + tuple(v.dim[:v.rank]), np.nan, dtype=np.float32)
             for v in self.table.output[:self.table.outputs]]
        for first in range(0, len(x[0]), self.table.batch):
            part = [array[first:first + self.table.batch] for array in x]
            entry(self.weights, self.workspace.ctypes.data, len(part[0]), pointers(part),
                  pointers([array[first:] for array in y]))
        return y


class Trainer:
    """The training functions of a library over one state."""

    def __init__(self, library):
        self.table = load(library)
        self.state = aligned(self.table.state_bytes, self.table.alignment)
        self.workspace = aligned(self.table.workspace_bytes, self.table.alignment)
        self.index, self.shape, self.role, self.trainable = {}, {}, {}, {}
        for i in range(self.table.tensors):
            tensor = self.table.tensor[i]
            name = tensor.name.decode()
            self.index[name] = i
            self.shape[name] = tuple(tensor.dim[:tensor.rank])
            self.role[name] = ROLES[tensor.role]
            self.trainable[name] = bool(tensor.trainable)
        self.init()

    def init(self, seed=0):
        self.table.init(self.state.ctypes.data, seed)

    def get(self, name):
        out = np.full(self.shape[name], np.nan, dtype=np.float32)
        self.table.export_tensor(self.state.ctypes.data, self.index[name], out.ctypes.data)
        return out

    def set(self, name, value):
        value = np.array(value, dtype=np.float32, order="C")
        if value.shape != self.shape[name]:
            raise ValueError("%s is %s, not %s" % (name, self.shape[name], value.shape))
        self.table.import_tensor(self.state.ctypes.data, self.index[name], value.ctypes.data)

    def gradient(self, name):
        out = np.full(self.shape[name], np.nan, dtype=np.float32)
        self.table.export_gradient(self.workspace.ctypes.data, self.index[name], out.ctypes.data)
        return out

    def _labels(self, labels):
        return [np.ascontiguousarray(array, dtype=np.float32 if l.float_labels else np.int32)
                for array, l in zip(labels, self.table.loss[:self.table.losses])]

    def _step(self, x, scalars):
        s = Step(n=len(x[0] if isinstance(x, (list, tuple)) else x), target=-1, learning_rate=self.table.learning_rate)
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
        return self._call("gradients", x, labels, scalars)

    def apply(self, x, **scalars):
        """The optimizer's step with the gradients of the last call for x."""
        self.table.apply(self.state.ctypes.data, self.workspace.ctypes.data,
                         self._step(x, scalars))

    def train_step(self, x, labels, **scalars):
        return self._call("train_step", x, labels, scalars)

    def evaluate(self, x, labels, **scalars):
        return self._call("evaluate", x, labels, scalars)


def multiply_adds(model, *options):
    """Of one sample, where no algorithm saves any."""
    plan = lathe("inspect", model, "--plan", "--exact", *options)
    return sum(int(n) for n in re.findall(r"(\d+) multiply-adds$", plan, re.M))


def dropout_streams(script):
    """The random stream of each dropout layer, by name, as the graph has it (0 is not printed)."""
    streams = {}
    for name, attributes in re.findall(r"%(\S+) = dropout\([^)]*\)( {[^}]*})?", lathe("inspect", script)):
        stream = re.search(r"stream=(\d+)", attributes)
        streams[name] = int(stream.group(1)) if stream else 0
    return streams


def host_targets():
    """The targets that this machine runs, best first."""
    with open("/proc/cpuinfo") as f:
        flags = set(re.search(r"^flags\s*: (.*)$", f.read(), re.M).group(1).split())
    needs = {"avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "fma"},
             "avx2": {"avx2", "fma"}, "sse2": {"sse2"}, "c99": set()}
    return [name for name, need in needs.items() if need <= flags]
