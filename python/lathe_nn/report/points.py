"""The predictions as points in the plane: principal components and t-SNE."""
from __future__ import annotations

from dataclasses import dataclass

import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from .classes import Predictions
from .style import BLUE, CLASS_COLOURS, CLASS_MARKERS, ORANGE, OTHER_COLOUR, Picture, save_figure, short

MOST_BARS = 10
MOST_POINTS = 10_000  # of t-SNE: beyond that a sample of the predictions is drawn
MOST_DIMENSIONS = 50  # t-SNE of more starts from so many principal components
TSNE_STEPS = 750
NAME_HEIGHT = 0.032  # of a name in a plane, as a share of the plane's
SEED = 0


@dataclass
class Plane:
    """Points [n, 2], and the samples that they are."""
    at: np.ndarray
    index: np.ndarray
    name: str  # of files
    title: str
    axes: tuple[str, str]


def chosen_classes(p: Predictions, index: np.ndarray) -> np.ndarray:
    """Those with a colour of their own: all, or the most frequent ones of more than ten."""
    classes, counts = np.unique(p.truth[index], return_counts=True)
    most = np.argsort(-counts, kind="stable")[:len(CLASS_COLOURS)]
    return np.sort(classes[most])


def thin(count: int, most: int = MOST_POINTS) -> np.ndarray:
    """All samples, or `most` of them drawn at random."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(SEED).choice(count, most, replace=False))


# ---- the two planes --------------------------------------------------------------------------------


def principal_plane(p: Predictions) -> tuple[Plane, np.ndarray]:
    """The first two principal components, and the share of the variance of each component."""
    n = min(p.probability.shape[1], len(p.truth), MOST_BARS)
    pca = PCA(n, random_state=SEED)
    at = pca.fit_transform(p.probability)
    ratio = np.nan_to_num(pca.explained_variance_ratio_)
    if n == 1:
        at = np.hstack([at, np.zeros_like(at)])
    index = thin(len(at))
    label = tuple("PC%d (%.1f %% of the variance)" % (k + 1, 100 * (ratio[k] if k < n else 0)) for k in range(2))
    return Plane(at[index, :2], index, "pca", "Principal components of the predictions", label), ratio


def tsne_plane(p: Predictions) -> Plane | None:
    """None for fewer samples than t-SNE makes sense of."""
    index = thin(len(p.truth))
    x = p.probability[index].astype(np.float32)
    if len(index) < 10:
        return None
    if x.shape[1] > MOST_DIMENSIONS:
        x = PCA(min(MOST_DIMENSIONS, len(x)), random_state=SEED).fit_transform(x)
    perplexity = min(30, (len(index) - 1) / 3)
    start = "pca" if np.ptp(x, axis=0).max() > 1e-6 else "random"
    # Threads of t-SNE meet many times a step: where something else runs as well, they are slower than one.
    with threadpool_limits(1):
        at = TSNE(perplexity=perplexity, init=start, max_iter=TSNE_STEPS, random_state=SEED, n_jobs=-1).fit_transform(x)
    return Plane(at, index, "tsne", "t-SNE of the predictions", ("t-SNE 1 (no unit)", "t-SNE 2 (no unit)"))


# ---- pictures --------------------------------------------------------------------------------------


def draw_variance(ratio: np.ndarray, folder: str) -> Picture:
    x = np.arange(1, len(ratio) + 1)
    figure, ax = plt.subplots(figsize=(8.5, 4.6))
    ax.bar(x, 100 * ratio, color=BLUE, label="each component")
    for k, r in zip(x, ratio):
        inside = r > 0.08
        ax.text(k, 100 * r * (0.5 if inside else 1) + (0 if inside else 1), "%.1f" % (100 * r), ha="center",
                va="center" if inside else "bottom", fontsize=11, color="white" if inside else "black")
    ax.plot(x, 100 * np.cumsum(ratio), color=ORANGE, marker="s", linewidth=2, label="all up to it")
    ax.set(title="Variance of the predictions", xlabel="principal component", ylabel="explained variance (%)",
           xticks=x, ylim=(0, 108))
    ax.grid(axis="x", visible=False)
    ax.legend(loc="center right")
    total = 100 * ratio[:2].sum()
    return Picture("pca-variance", "Explained variance",
                   "How much of the predictions' variance each principal component explains: the first two, which "
                   "the next picture shows, explain %.0f %%." % total,
                   "Bars for %d components" % len(ratio), save_figure(figure, folder, "pca-variance"))


def _name_clouds(ax: plt.Axes, plane: Plane, truth: np.ndarray, classes: np.ndarray, names: list[str]) -> None:
    """Each name over the middle of its class's points, names that would overlap one below the other."""
    across, up = np.maximum(np.ptp(plane.at, axis=0), 1e-12)
    middle = [np.median(plane.at[truth == c], axis=0) for c in classes]
    taken: list[tuple[float, float, float]] = []
    for k in sorted(range(len(classes)), key=lambda k: -middle[k][1]):
        name, (x, y) = short(names[classes[k]], 12), middle[k]
        half = 0.007 * len(name) * across
        for left, right, low in sorted(taken, key=lambda t: -t[2]):
            if x - half < right and x + half > left and abs(y - low) < NAME_HEIGHT * up:
                y = low - NAME_HEIGHT * up
        taken.append((x - half, x + half, y))
        ax.annotate(name, (x, y), (0, 7), textcoords="offset points", ha="center", va="bottom", fontsize=12, fontweight="bold", color="black",
                    path_effects=[effects.withStroke(linewidth=3.5, foreground="white")])


def draw_points(p: Predictions, plane: Plane, folder: str, says: str) -> Picture:
    truth = p.truth[plane.index]
    classes = chosen_classes(p, plane.index)
    others = ~np.isin(truth, classes)
    size = float(np.clip(30_000 / len(truth), 7, 60))
    figure, ax = plt.subplots(figsize=(11, 7.6))
    if others.any():
        ax.scatter(*plane.at[others].T, s=size * 0.6, color=OTHER_COLOUR, label="other classes", rasterized=True)
    for k, c in enumerate(classes):
        ax.scatter(*plane.at[truth == c].T, s=size, color=CLASS_COLOURS[k], marker=CLASS_MARKERS[k], alpha=0.75,
                   linewidths=0, label=short(p.names[c]), rasterized=True)
    _name_clouds(ax, plane, truth, classes, p.names)
    ax.set(title=plane.title, xlabel=plane.axes[0], ylabel=plane.axes[1])
    legend = ax.legend(title="true class", loc="center left", bbox_to_anchor=(1.01, 0.5), scatterpoints=1)
    for handle in legend.legend_handles:
        handle.set(sizes=[80], alpha=1)
    if others.any():
        says += " The %d most frequent classes have colours, the others are grey." % len(classes)
    if len(plane.index) < len(p.truth):
        says += " %d of %d samples, drawn at random, are shown." % (len(plane.index), len(p.truth))
    return Picture(plane.name, plane.title, says, "Points of %d samples, coloured by class" % len(truth),
                   save_figure(figure, folder, plane.name))
