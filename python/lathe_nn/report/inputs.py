"""What a report is drawn from: the history and the weights of a run, and the samples of its data.

`lathe report` reads data sets of every format and leaves them in one folder: data.json says what
samples.bin and labels.bin hold. Everything is checked here; a ReportError is a message for the user."""
from __future__ import annotations

import csv
import json
import math
import os
import struct
from dataclasses import dataclass

import numpy as np

MAX_HEADER = 1 << 26


class ReportError(Exception):
    """What the user is told."""


@dataclass
class History:
    """A column a quantity, an entry an epoch; columns that the run does not have are missing."""
    epoch: np.ndarray
    column: dict[str, np.ndarray]

    def last(self, name: str) -> float | None:
        return float(self.column[name][-1]) if name in self.column else None


@dataclass
class Samples:
    """inputs [N, ...] as the model takes them (bytes, or floats); pixels: the same as images for the eye
    [N, H, W, 3], or None; labels [N] or None where the labels are no classes."""
    inputs: np.ndarray
    pixels: np.ndarray | None
    labels: np.ndarray | None
    names: list[str]
    part: str  # "test" or "training"


def _number(text: str, path: str, line: int) -> float:
    try:
        return float(text) if text.strip() else math.nan
    except ValueError:
        raise ReportError("%s:%d: '%s' is not a number" % (path, line, text)) from None


def read_history(run: str) -> History:
    path = os.path.join(run, "history.csv")
    with open(path, newline="", encoding="utf-8", errors="replace") as f:
        rows = [row for row in csv.reader(f) if row]
    if len(rows) < 2 or "epoch" not in rows[0]:
        raise ReportError("%s: no epoch in it: a header with 'epoch' and a line an epoch are expected" % path)
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise ReportError("%s:%d: %d values, but the header has %d" % (path, line, len(row), len(rows[0])))
    values = np.array([[_number(text, path, line) for text in row] for line, row in enumerate(rows[1:], 2)])
    columns = {name: values[:, i] for i, name in enumerate(rows[0]) if not np.isnan(values[:, i]).all()}
    if "epoch" not in columns or "loss" not in columns:
        raise ReportError("%s: it has no loss" % path)
    return History(columns.pop("epoch"), columns)


def read_weights(run: str) -> dict[str, np.ndarray]:
    """The tensors of weights.safetensors, by name, in the order of the file."""
    path = os.path.join(run, "weights.safetensors")
    with open(path, "rb") as f:
        data = f.read()
    try:
        size, = struct.unpack_from("<Q", data)
        if size > MAX_HEADER:
            raise ValueError
        header = json.loads(data[8:8 + size])
        header.pop("__metadata__", None)
        out = {}
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            first, end = entry["data_offsets"]
            if entry["dtype"] == "F32":
                out[name] = np.frombuffer(data[8 + size + first:8 + size + end], "<f4").reshape(entry["shape"])
        return out
    except (ValueError, KeyError, TypeError, AttributeError, struct.error):
        raise ReportError("%s: not a safetensors file, or a damaged one" % path) from None


def _as_pixels(inputs: np.ndarray) -> np.ndarray | None:
    """Bytes [N, H, W, 3] where the samples are images."""
    x = inputs[..., None] if inputs.ndim == 3 else inputs
    if x.ndim != 4 or x.shape[3] not in (1, 3) or min(x.shape[1:3]) < 2:
        return None
    if x.dtype != np.uint8:
        low, high = float(x.min()), float(x.max())
        x = ((x - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)
    return np.repeat(x, 3, axis=3) if x.shape[3] == 1 else x


def _as_classes(labels: np.ndarray) -> np.ndarray | None:
    """Class indices from indices, from one-hot rows, or from zeros and ones; None from other values."""
    if labels.ndim == 1:
        return labels.astype(np.int64)
    if labels.shape[1] == 1:
        return labels[:, 0].astype(np.int64) if np.isin(labels, (0, 1)).all() else None
    one_hot = np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()
    return labels.argmax(axis=1) if one_hot else None


def read_samples(folder: str) -> Samples:
    with open(os.path.join(folder, "data.json"), encoding="utf-8") as f:
        about = json.load(f)
    def array(name: str, kind: str, shape: list[int]) -> np.ndarray:
        return np.fromfile(os.path.join(folder, name), kind).reshape(shape)
    inputs = array("samples.bin", about["type"], about["shape"])
    labels = array("labels.bin", about["label_type"], about["label_shape"])
    pixels = _as_pixels(inputs)
    if about["channels_first"]:
        inputs = np.ascontiguousarray(inputs.transpose(0, 3, 1, 2))
    return Samples(inputs, pixels, _as_classes(labels), about["classes"], about["part"])
