"""lathe as a backend of the onnx package: onnx.backend.test runs its tests through it.

Two engines: the interpreter (the program tests/onnx/interpret.c, $LATHE_INTERPRET) and generated C
(the command `lathe predict`, $LATHE). A model that lathe refuses is a skipped test with the reasons.
"""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.backend.base import Backend, BackendRep

REFUSED = 2
TIMEOUT = 600


def input_names(model):
    """The inputs that a caller gives: those without an initialiser."""
    known = {t.name for t in model.graph.initializer}
    return [i.name for i in model.graph.input if i.name not in known]


def plain(x):
    """An array of float32 or int64."""
    x = np.asarray(x)
    if x.dtype.kind in "biu" or re.fullmatch("u?int[24]", x.dtype.name):
        return x.astype(np.int64)
    if x.dtype.kind != "f" and not re.match("b?float", x.dtype.name):
        raise unittest.SkipTest(f"an input of type {x.dtype}")
    y = x.astype(np.float32)
    if not np.array_equal(np.isfinite(x), np.isfinite(y)):
        raise unittest.SkipTest("doubles that float32 does not hold")
    return y


def output_type(model, index):
    kind = model.graph.output[index].type.tensor_type.elem_type
    return helper.tensor_dtype_to_np_dtype(kind) if kind else np.float32


def reason(text):
    """The first message, without the file's name."""
    lines = [line for line in text.splitlines() if "error:" in line] or text.splitlines() or ["?"]
    return lines[0].split("error: ", 1)[-1].strip()


def is_refusal(text):
    """A message about the model; what lathe itself did wrong is none."""
    return "error: " in text and not re.search("internal error|C compiler|no lowering", text)


class LatheRep(BackendRep):
    def __init__(self, model, folder=None):
        self.model = model
        self.folder = folder

    def run(self, inputs, **kwargs):
        if any(not isinstance(x, (np.ndarray, np.generic)) for x in inputs):
            raise unittest.SkipTest("an input that is no tensor")
        for port in self.model.graph.output:
            if port.type.WhichOneof("value") != "tensor_type":
                raise unittest.SkipTest("an output that is no tensor")
            if port.type.tensor_type.elem_type == TensorProto.STRING:
                raise unittest.SkipTest("an output of strings")
        with tempfile.TemporaryDirectory() as folder:
            return self.run_in(Path(folder), inputs)

    def run_in(self, folder, inputs):
        path = folder / "model.onnx"
        path.write_bytes(self.model.SerializeToString())
        files = []
        for i, x in enumerate(inputs):
            files.append(folder / f"in{i}.npy")
            np.save(files[-1], np.asarray(plain(x), order="C"))
        generated = os.environ.get("LATHE_ENGINE") == "generated"
        command = self.generated(path, files) if generated else self.interpreter(path, files)
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        if done.returncode == (1 if generated else REFUSED) and is_refusal(done.stderr):
            raise unittest.SkipTest(reason(done.stderr))
        if done.returncode != 0:
            raise AssertionError(f"exit status {done.returncode}: {done.stderr[-2000:]}")
        return tuple(
            self.read(folder / f"out{i}.npy", i) for i in range(len(self.model.graph.output)))

    def read(self, path, index):
        x = np.load(path)
        kind = output_type(self.model, index)
        return x.astype(kind)

    def interpreter(self, model, files):
        """The program takes an input for each of the graph's, initialisers among them."""
        double = ["--double"] if os.environ.get("LATHE_DOUBLE") else []
        return [os.environ["LATHE_INTERPRET"], *double, model, model.parent / "out", *files]

    def generated(self, model, files):
        words = [os.environ["LATHE"], "predict", str(model), "--exact"]
        names = input_names(self.model)
        for name, file in zip(names, files):
            words += ["--input", f"{name}={file}"]
        for i in range(len(self.model.graph.output)):
            words += ["--output", f"{model.parent}/out{i}.npy"]
        return words


class LatheBackend(Backend):
    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        return LatheRep(model)

    @classmethod
    def run_model(cls, model, inputs, device="CPU", **kwargs):
        return cls.prepare(model, device).run(inputs)

    @classmethod
    def supports_device(cls, device):
        return device == "CPU"


prepare = LatheBackend.prepare
run_model = LatheBackend.run_model
supports_device = LatheBackend.supports_device
