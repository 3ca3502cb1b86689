"""The report from beginning to end. It is drawn in a temporary folder, which takes the report's name once
everything is there: a report is whole, or not there at all."""
from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager

import numpy as np

from . import classes, layers, mosaic, points, training
from .generated import Model
from .inputs import History, ReportError, read_history, read_samples, read_weights
from .page import Table, percent, write_page
from .style import Picture, set_style


class Progress:
    """A line a step on stderr."""

    def __init__(self) -> None:
        self.begin = time.monotonic()

    @contextmanager
    def step(self, what: str):
        start = time.monotonic()
        print("%6.1f s  %s" % (start - self.begin, what), end="", file=sys.stderr, flush=True)
        try:
            yield
        except BaseException:
            print(file=sys.stderr)
            raise
        print(": %.1f s" % (time.monotonic() - start), file=sys.stderr, flush=True)


# ---- the sections ----------------------------------------------------------------------------------


class Report:
    def __init__(self, options: argparse.Namespace, folder: str, work: str):
        self.options, self.folder, self.progress = options, folder, Progress()
        weights = os.path.join(options.run, "weights.safetensors")
        self.history = read_history(options.run)
        self.weights = read_weights(options.run)
        self.model = Model(options.script, weights, options.model, work)
        with self.progress.step("data"):
            self.samples = read_samples(options.data)
        self.predictions: classes.Predictions | None = None
        self.bench: dict = {}
        self.plan = None
        self.sections: list[Picture | Table] = []

    def add(self, what: str, draw: Callable[[], Picture | None]) -> None:
        with self.progress.step(what):
            picture = draw()
        if picture:
            self.sections.append(picture)

    def compute(self) -> None:
        """Everything that generated code says, before anything else needs the processor."""
        n = len(self.samples.inputs)
        with self.progress.step("predictions of %d samples" % n):
            self.predictions = classes.read_predictions(self.model.predict(self.samples.inputs), self.samples)
        self.plan = self.model.plan()
        with self.progress.step("times of the layers"):
            self.bench = self.model.bench(self.plan)

    def draw_classes(self) -> None:
        p, folder = self.predictions, self.folder
        if self.samples.pixels is not None:
            self.add("images", lambda: classes.draw_grid(p, self.samples, folder))
        self.add("confusion matrix", lambda: classes.draw_confusion(p, folder))
        self.sections.append(rates_table(p))

    def draw_layers(self) -> None:
        folder, image = self.folder, self.options.image - 1
        shape = self.samples.inputs.shape[1:]
        self.add("filters", lambda: layers.draw_filters(self.weights, shape, folder))
        if self.samples.pixels is not None:
            self.add("feature maps", lambda: layers.draw_maps(
                self.model.layer_values(self.samples.inputs[image]), self.samples, self.predictions, image, folder))

    def draw_planes(self) -> None:
        p, folder = self.predictions, self.folder
        plane, ratio = points.principal_plane(p)
        self.add("principal components", lambda: points.draw_variance(ratio, folder))
        self._draw_plane(plane, "The predictions in the plane of their first two principal components, a point an "
                                "image: clouds that overlap are classes that the network confuses.")
        tsne = []
        with self.progress.step("t-SNE of %d predictions" % min(len(p.truth), points.MOST_POINTS)):
            tsne = points.tsne_plane(p)
        if tsne:
            self._draw_plane(tsne, "t-SNE lays similar predictions close together: islands are images that the "
                                   "network judges alike. Only closeness has a meaning, not the axes.")

    def _draw_plane(self, plane: points.Plane, says: str) -> None:
        p, folder, pixels = self.predictions, self.folder, self.samples.pixels
        self.add("%s as points" % plane.name, lambda: points.draw_points(p, plane, folder, says))
        if pixels is not None:
            self.add("%s as images" % plane.name, lambda: mosaic.draw_mosaic(p, plane, pixels, folder))

    def draw_all(self) -> None:
        set_style()
        self.compute()
        self.add("training", lambda: training.draw_curves(self.history, self.folder))
        if self.predictions:
            self.draw_classes()
        self.draw_layers()
        if self.predictions:
            self.draw_planes()
        self.add("bars of the layers", lambda: layers.draw_times(self.bench, self.folder))
        self.add("memory plan", lambda: layers.draw_plan(self.plan, self.folder))
        self.sections.insert(0, numbers_table(self))
        name = os.path.splitext(os.path.basename(self.options.script))[0]
        with self.progress.step("index.html"):
            write_page(self.folder, "Training of %s" % name, about(self, name), self.sections)


# ---- texts and tables ------------------------------------------------------------------------------


def about(r: Report, name: str) -> str:
    n = len(r.samples.inputs)
    text = "%s after %d epochs" % (name, len(r.history.epoch))
    if r.predictions:
        text += " recognises %s of the %d %s images" % (percent(r.predictions.accuracy), n, r.samples.part) \
            if r.samples.pixels is not None else " is right on %s of the %d %s samples" % (
                percent(r.predictions.accuracy), n, r.samples.part)
    return text + ". All predictions come from the C that lathe generates."


def _history_rows(h: History) -> list[list[str]]:
    rows = [["Epochs", str(len(h.epoch))]]
    for name, label in (("accuracy", "Training accuracy"), ("val_accuracy", "Validation accuracy")):
        if name in h.column:
            best = int(np.nanargmax(h.column[name]))
            rows.append([label + ", last epoch (best)", "%s (%s, epoch %d)" % (
                percent(h.last(name)), percent(float(h.column[name][best])), h.epoch[best])])
    for name, label in (("loss", "Training loss, last epoch"), ("val_loss", "Validation loss, last epoch")):
        if name in h.column:
            rows.append([label, "%.4g" % h.last(name)])
    if "seconds" in h.column:
        rows.append(["Time an epoch (median)", "%.3g s" % np.nanmedian(h.column["seconds"])])
    return rows


def numbers_table(r: Report) -> Table:
    rows = _history_rows(r.history)
    if r.predictions:
        rows.append(["Accuracy on the %s set" % r.samples.part, "%s of %d" % (
            percent(r.predictions.accuracy), len(r.predictions.truth))])
    rows.append(["Parameters", "{:,}".format(sum(w.size for w in r.weights.values()))])
    for x in r.bench["results"]:
        rows.append(["One sample, generated C" if x["batch"] == 1 else "A batch of %d, generated C" % x["batch"],
                     "%s; interpreted %s: %.1f times as long" % (
                         layers.time_text(x["generated"]["median_ms"]),
                         layers.time_text(x["interpreted"]["median_ms"]), x["ratio"])])
    rows.append(["Workspace for one sample", "{:,} bytes".format(r.plan.bytes)])
    rows.append(["Machine", "%s, %d threads, %s" % (r.bench["processor"], r.bench["threads"], r.bench["compiler"])])
    return Table("Numbers", "What came out.", ["", ""], rows)


def rates_table(p: classes.Predictions) -> Table:
    rows = [[name, str(n), percent(recall), percent(precision)] for name, n, recall, precision in classes.class_rates(p)]
    worst = "; ".join("%s taken for %s (%d)" % mistake for mistake in classes.worst_confusions(p))
    says = "Recall: of the images of a class, those that are recognised. Precision: of the images taken for it, those " \
           "that are of it." + (" The most frequent mistakes: %s." % worst if worst else "")
    return Table("Classes", says, ["class", "#images", "#recall", "#precision"], rows)


# ---- the folder ------------------------------------------------------------------------------------


def _check_output(path: str) -> None:
    """An earlier report may be replaced, anything else not."""
    if os.path.lexists(path) and not (os.path.isdir(path) and (
            not os.listdir(path) or os.path.exists(os.path.join(path, "index.html")))):
        raise ReportError("%s is there already and is no report; name another folder by -o" % path)


def _replace(fresh: str, path: str) -> None:
    old = path + ".old"
    if os.path.isdir(path):
        os.rename(path, old)
    os.rename(fresh, path)
    shutil.rmtree(old, ignore_errors=True)


def build_report(options: argparse.Namespace) -> None:
    path = os.path.abspath(options.output)
    _check_output(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    begin = time.monotonic()
    fresh = tempfile.mkdtemp(prefix=".report-", dir=os.path.dirname(path))
    try:
        with tempfile.TemporaryDirectory(prefix="lathe-report-") as work:
            Report(options, fresh, work).draw_all()
        os.chmod(fresh, 0o755)
        _replace(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    print("wrote %s/index.html in %.0f s" % (options.output, time.monotonic() - begin))
