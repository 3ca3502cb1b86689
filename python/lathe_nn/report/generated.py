"""What generated C computes of a trained model: predictions, the results of its layers for one image,
times, the plan of its memory. All of it comes through the command lathe."""
from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass

import numpy as np

from ..errors import LatheError
from ..generated import Generated
from ..toolchain import lathe
from .inputs import ReportError

BENCH_BATCH, BENCH_SECONDS, LEAST_RUNS, MOST_RUNS = 32, 3.0, 3, 100
BENCH_SPEED = 1e10  # floating-point operations a second that even the interpreter does


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


class Model:
    """A trained model, by its description and its weights."""

    def __init__(self, script: str, weights: str, variable: str | None, folder: str):
        self.folder = folder
        self.words = [script, "--weights", weights] + (["--model", variable] if variable else [])

    def _lathe(self, command: str, *words: str) -> str:
        try:
            return lathe(command, *self.words, *words)
        except LatheError as e:
            raise ReportError("lathe %s: %s" % (command, str(e).removeprefix("lathe: error: ")[:2000])) from e

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
        shapes = parse_shapes(self._lathe("inspect", "predict"))
        try:
            generated = Generated(*self.words, "--layers")
            predictor = generated.predictor()
        except LatheError as e:
            raise ReportError("the layers' results: %s" % e) from e
        predictor.predict(sample[np.newaxis])
        with open(os.path.join(generated.folder, generated.name + ".layers"), encoding="utf-8", errors="replace") as f:
            return read_layers(f.read(), shapes, predictor.workspace.view(np.float32))


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
