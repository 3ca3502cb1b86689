"""What the network predicts: probabilities, a grid of images, the confusion matrix, rates a class."""
from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from sklearn.metrics import confusion_matrix

from .inputs import ReportError, Samples
from .style import BLUE, SEQUENTIAL, VERMILION, Picture, save_figure, short

GRID = 5  # images a row, and rows
MOST_NUMBERS = 20  # classes up to which the confusion matrix has numbers
MOST_TICKS = 40


@dataclass
class Predictions:
    """probability [N, classes]; predicted and true class [N]; a name a class."""
    probability: np.ndarray
    predicted: np.ndarray
    truth: np.ndarray
    names: list[str]

    @property
    def accuracy(self) -> float:
        return float((self.predicted == self.truth).mean())

    @property
    def used(self) -> np.ndarray:
        """The classes that are true of a sample, or predicted."""
        return np.union1d(self.predicted, self.truth)


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _probabilities(outputs: np.ndarray) -> np.ndarray:
    """One output is the probability of class 1 (or its logit); rows that are no distribution are logits."""
    x = outputs.astype(np.float64)
    if x.shape[1] == 1:
        p = x if x.min() >= 0 and x.max() <= 1 else 1 / (1 + np.exp(-np.clip(x, -500, 500)))
        return np.hstack([1 - p, p])
    summed = x.min() >= 0 and np.allclose(x.sum(axis=1), 1, atol=1e-3)
    return x if summed else _softmax(x)


def read_predictions(outputs: np.ndarray, samples: Samples) -> Predictions | None:
    """None where the labels are no classes."""
    if samples.labels is None:
        return None
    if not np.isfinite(outputs).all():
        raise ReportError("the network's outputs are not finite: did the training diverge?")
    p = _probabilities(outputs)
    if samples.labels.min() < 0 or samples.labels.max() >= p.shape[1]:
        raise ReportError("the data has class %d, but the network has %d classes"
                          % (samples.labels.max(), p.shape[1]))
    names = [samples.names[i] if i < len(samples.names) else str(i) for i in range(p.shape[1])]
    return Predictions(p, p.argmax(axis=1), samples.labels, names)


# ---- images with predicted names -------------------------------------------------------------------


def _draw_cell(ax: plt.Axes, p: Predictions, pixels: np.ndarray, i: int) -> None:
    right = p.predicted[i] == p.truth[i]
    colour = BLUE if right else VERMILION
    ax.imshow(pixels[i], interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set(color=colour, linewidth=2 if right else 5)
    said = "%d. %s %s (%.0f %%)" % (i + 1, "✓" if right else "✗", short(p.names[p.predicted[i]], 12),
                                  100 * p.probability[i, p.predicted[i]])
    ax.set_title(said, fontsize=12, color=colour, fontweight="normal" if right else "bold")
    if not right:
        ax.set_xlabel("is: " + short(p.names[p.truth[i]], 16), fontsize=12, color="black")


def draw_grid(p: Predictions, samples: Samples, folder: str) -> Picture:
    n = min(GRID * GRID, len(p.truth))
    rows = -(-n // GRID)
    figure, axes = plt.subplots(rows, GRID, figsize=(11, 2.45 * rows), squeeze=False)
    for i, ax in enumerate(axes.flat):
        if i < n:
            _draw_cell(ax, p, samples.pixels, i)
        else:
            ax.axis("off")
    wrong = int((p.predicted[:n] != p.truth[:n]).sum())
    says = ("The first %d images of the %s set with predicted names and their probabilities; %d wrong ones have "
            "a thick frame, a cross and the true name below." % (n, samples.part, wrong))
    alt = "%d images, %d of them predicted right" % (n, n - wrong)
    return Picture("predictions", "Predictions", says, alt, save_figure(figure, folder, "predictions"), chart=False)


# ---- confusion -------------------------------------------------------------------------------------


def draw_confusion(p: Predictions, folder: str) -> Picture:
    used = p.used
    counts = confusion_matrix(p.truth, p.predicted, labels=used)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    few = len(used) <= MOST_NUMBERS
    size = 3.2 + 0.72 * len(used) if few else 10
    figure, ax = plt.subplots(figsize=(max(size, 5.5) + 1, max(size, 4.5)))
    every = max(1, -(-len(used) // MOST_TICKS))
    labels = [short(p.names[i], 14) if k % every == 0 else "" for k, i in enumerate(used)]
    sns.heatmap(share, vmin=0, vmax=1, annot=counts if few else False, fmt="d", cmap=SEQUENTIAL, square=True,
                annot_kws={"fontsize": 11}, cbar_kws={"label": "share of the images of the true class", "shrink": 0.8},
                ax=ax, linewidths=0.5 if few else 0, xticklabels=labels, yticklabels=labels)
    ax.tick_params(labelsize=11 if few else 9, length=0)
    ax.set_title("Confusion matrix", pad=12)
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.set_yticklabels(ax.get_yticklabels(), rotation=0)
    ax.set_xticklabels(ax.get_xticklabels(), rotation=45 if few else 90, ha="right" if few else "center",
                       rotation_mode="anchor" if few else "default")
    says = "Each row has the images of one true class, each column what they were taken for%s; the diagonal is right." % (
        " (numbers of images)" if few else "")
    return Picture("confusion", "Confusion matrix", says,
                   "Matrix of %d classes; %.1f %% of the images are on its diagonal" % (len(used), 100 * p.accuracy),
                   save_figure(figure, folder, "confusion"), chart=False)


def class_rates(p: Predictions) -> list[tuple[str, int, float, float]]:
    """Name, images, recall (of the class's images, those that are recognised) and precision (of the images
    taken for it, those that are of it), NaN where there are no images."""
    out = []
    for c in p.used:
        is_class, said = p.truth == c, p.predicted == c
        hits = float((is_class & said).sum())
        out.append((p.names[c], int(is_class.sum()), hits / is_class.sum() if is_class.any() else np.nan,
                    hits / said.sum() if said.any() else np.nan))
    return out


def worst_confusions(p: Predictions, most: int = 5) -> list[tuple[str, str, int]]:
    """The most frequent mistakes: true name, predicted name, images."""
    wrong = p.predicted != p.truth
    pairs, counts = np.unique(np.stack([p.truth[wrong], p.predicted[wrong]]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return [(p.names[pairs[0, i]], p.names[pairs[1, i]], int(counts[i])) for i in order]
