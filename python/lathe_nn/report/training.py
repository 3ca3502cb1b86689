"""Accuracy and loss over the epochs."""
from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from .inputs import History
from .style import BLUE, ORANGE, Picture, save_figure

PARTS = (("", "training", BLUE, "o", "-"), ("val_", "validation", ORANGE, "s", "--"))


def _draw_quantity(ax: plt.Axes, h: History, quantity: str, label: str) -> None:
    for prefix, part, colour, marker, line in PARTS:
        if prefix + quantity not in h.column:
            continue
        ax.plot(h.epoch, h.column[prefix + quantity], line, color=colour, marker=marker, linewidth=2,
                markersize=7 if len(h.epoch) <= 30 else 0, label=part)
    ax.set(title=label.split(" (")[0].capitalize(), xlabel="epoch", ylabel=label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.margins(x=0.05, y=0.1)
    ax.legend()


def draw_curves(h: History, folder: str) -> Picture:
    quantities = [("loss", "loss")]
    if "accuracy" in h.column:
        quantities.insert(0, ("accuracy", "accuracy (share of samples)"))
    figure, axes = plt.subplots(1, len(quantities), figsize=(5.4 * len(quantities), 4.2), squeeze=False)
    for ax, (quantity, label) in zip(axes[0], quantities):
        _draw_quantity(ax, h, quantity, label)
    validated = "val_loss" in h.column
    says = "%s after each epoch, on the training set (solid)%s." % (
        " and ".join(label.split(" (")[0] for _, label in quantities).capitalize(),
        " and on the validation set (dashed): where the two part, the network learns its samples by heart"
        if validated else "; the run did not validate")
    alt = "Lines over %d epochs; the last training loss is %.4g" % (len(h.epoch), h.last("loss"))
    return Picture("curves", "Training", says, alt, save_figure(figure, folder, "curves"))
