"""What generated C computes of a trained model: predictions, the results of its layers for one image,
times, the plan of its memory. All of it comes through the command lathe."""
from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
from dataclasses import dataclass

import numpy as np

from .inputs import ReportError

BENCH_BATCH, BENCH_SECONDS, LEAST_RUNS, MOST_RUNS = 32, 3.0, 3, 100
BENCH_SPEED = 1e10  # floating-point operations a second that even the interpreter does


# Generated code with a function that Python calls without knowing its structures.
ONE_SAMPLE = """#include "%(file)s.c"

int report_run(const void *image, size_t bytes, void *workspace, const %(type)s *input, float *output);
int report_run(const void *image, size_t bytes, void *workspace, const %(type)s *input, float *output) {
    lathe_weights w;
    const unsigned char *own = %(name)s_model.embedded_weights;
    if (%(name)s_weights_open(&w, own ? own : image, own ? %(name)s_model.weights_bytes : bytes) != 0) return 1;
    %(name)s_predict%(suffix)s(&w, workspace, 1, input, output);
    return 0;
}
"""


@dataclass
class Buffer:
    """A range of the workspace that is in use from step `first` to step `last`."""
    name: str
    offset: int
    bytes: int
    first: int
    last: int


@dataclass
class Plan:
    buffers: list[Buffer]
    steps: list[str]
    bytes: int
    apart: int  # bytes with a buffer for each value
    multiply_adds: int


def _run(words: list[str], what: str) -> str:
    """What a command prints. Where this is stopped, the command gets the time to remove what it made."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               text=True, errors="replace")
    try:
        said, wrong = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode != 0:
        wrong = wrong.strip().removeprefix("lathe: error: ")[:2000]
        raise ReportError("%s: %s" % (what, wrong or "it ended with status %d" % process.returncode))
    return said


class Model:
    """A trained model, by its description and its weights."""

    def __init__(self, lathe: str, script: str, weights: str, variable: str | None, folder: str):
        self.lathe, self.folder = lathe, folder
        self.words = [script, "--weights", weights] + (["--model", variable] if variable else [])

    def _lathe(self, command: str, *words: str) -> str:
        return _run([self.lathe, command, *self.words, *words], "lathe " + command)

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """The outputs for all samples: [N, outputs]."""
        x, y = os.path.join(self.folder, "x.npy"), os.path.join(self.folder, "y.npy")
        np.save(x, inputs)
        try:
            self._lathe("predict", "--input", x, "--output", y)
            out = np.load(y)
            return out.reshape(len(out), -1)
        finally:
            for path in (x, y):
                if os.path.exists(path):
                    os.remove(path)

    def bench(self, plan: Plan) -> dict:
        """As many runs as take a few seconds, by the multiply-adds of the plan."""
        seconds = 2 * max(plan.multiply_adds, 1) * (1 + BENCH_BATCH) / BENCH_SPEED
        runs = int(np.clip(BENCH_SECONDS / seconds, LEAST_RUNS, MOST_RUNS))
        return json.loads(self._lathe("bench", "--inference", "--layers", "--json", "--batch", str(BENCH_BATCH),
                                      "--runs", str(runs)))

    def plan(self) -> Plan:
        return parse_plan(self._lathe("inspect", "--plan"))

    def layer_values(self, sample: np.ndarray) -> dict[str, np.ndarray]:
        """The results of the layers for one sample, by name, in the order in which they are computed;
        those that generated C keeps (not what is fused into another)."""
        folder = os.path.join(self.folder, "layers")
        self._lathe("compile", "--layers", "-o", folder)
        shapes = parse_shapes(self._lathe("inspect", "predict"))
        name = next(f[:-2] for f in sorted(os.listdir(folder)) if f.endswith(".c"))
        workspace = _run_in_workspace(os.path.join(folder, name), sample)
        with open(os.path.join(folder, name + ".layers"), encoding="utf-8", errors="replace") as f:
            return read_layers(f.read(), shapes, workspace)


def parse_plan(text: str) -> Plan:
    row = re.compile(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)  (.*)")
    found = [row.fullmatch(line) for line in text.splitlines()]
    buffers = [Buffer(m[5], *(int(m[i]) for i in (1, 2, 3, 4))) for m in found if m]
    total = re.search(r"total (\d+) bytes.*one buffer a value (\d+)", text)
    steps = re.findall(r"^step +\d+  (.*?)  +\S+ +(\d+) multiply-adds$", text, re.M)
    if not total or not steps:
        raise ReportError("lathe inspect --plan printed no plan")
    return Plan(buffers, [name for name, _ in steps], int(total[1]), int(total[2]), sum(int(n) for _, n in steps))


def parse_shapes(text: str) -> dict[str, tuple[int, ...]]:
    """Shapes of a sample by the name of the value, from the text form of `predict`."""
    rows = re.findall(r"^\s*%(\S+) = .* : f32\[N,([\d,]+)\]$", text, re.M)
    return {name: tuple(map(int, dims.split(","))) for name, dims in rows}


def _aligned(size: int, alignment: int) -> np.ndarray:
    raw = np.zeros(size + alignment, np.uint8)
    skip = -raw.ctypes.data % alignment
    return raw[skip:skip + size]


def _compile(base: str, bytes_in: bool) -> ctypes.CDLL:
    """BASE.c with one function in front of it, whether its weights are embedded or not."""
    folder, name = os.path.split(base)
    with open(base + ".h", encoding="utf-8") as f:
        prefix = re.search(r"extern const lathe_model (\w+)_model;", f.read())[1]
    source, library = os.path.join(folder, "report_run.c"), os.path.join(folder, "report_run.so")
    with open(source, "w", encoding="utf-8") as f:
        f.write(ONE_SAMPLE % {"file": name, "name": prefix, "type": "uint8_t" if bytes_in else "float",
                              "suffix": "_u8" if bytes_in else ""})
    _run([*(os.environ.get("CC") or "cc").split(), "-std=c99", "-O2", "-fPIC", "-shared", "-o", library, source, "-lm"],
         "the C compiler")
    return ctypes.CDLL(library)


def _run_in_workspace(base: str, sample: np.ndarray) -> np.ndarray:
    """Compiles BASE.c, predicts one sample; the floats of the workspace afterwards."""
    with open(base + ".h", encoding="utf-8") as f:
        constant = {key: int(value) for key, value in re.findall(
            r"^#define \w+_(WORKSPACE_BYTES|ALIGNMENT|OUTPUT_COUNT) (\d+)", f.read(), re.M)}
    bytes_in = sample.dtype == np.uint8
    library = _compile(base, bytes_in)
    data = np.fromfile(base + ".weights", np.uint8) if os.path.exists(base + ".weights") else np.empty(0, np.uint8)
    image, workspace = _aligned(len(data), 64), _aligned(constant["WORKSPACE_BYTES"], constant["ALIGNMENT"])
    image[:] = data
    sample = np.ascontiguousarray(sample, np.uint8 if bytes_in else np.float32)
    out = np.zeros(constant["OUTPUT_COUNT"], np.float32)
    address = [ctypes.c_void_p(a.ctypes.data) for a in (image, workspace, sample, out)]
    if library.report_run(address[0], ctypes.c_size_t(len(data)), *address[1:]) != 0:
        raise ReportError("generated code refuses its own weights")
    return workspace.view(np.float32)


def read_layers(text: str, shapes: dict[str, tuple[int, ...]], workspace: np.ndarray) -> dict[str, np.ndarray]:
    """The values that NAME.layers (codegen.h: print_values) places in the workspace."""
    out = {}
    for line in text.splitlines():
        *numbers, name = line.split(" ", 7)
        at, _, lines, line_step, rows, row_step, channels = map(int, numbers)
        shape = shapes.get(name)
        if at < 0 or not shape or lines * rows * channels != np.prod(shape):
            continue
        step = workspace.itemsize
        view = np.lib.stride_tricks.as_strided(workspace[at:], (lines, rows, channels),
                                               (line_step * step, row_step * step, step))
        out[name] = view.reshape(shape).copy()
    return out
