"""What the network looks like inside: filters, feature maps, times of its layers, the plan of its memory."""
from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from .classes import Predictions
from .generated import Buffer, Plan
from .inputs import Samples
from .style import BLUE, CLASS_COLOURS, DIVERGING, ORANGE, SEQUENTIAL, Picture, save_figure, short

MOST_FILTERS = 64
MOST_MAPS, MOST_LAYERS = 8, 8  # maps a layer, layers
MOST_TIMES = 25
MOST_NAMED = 14  # buffers with a name in the plan


# ---- filters ---------------------------------------------------------------------------------------


def _first_kernel(weights: dict[str, np.ndarray], sample: tuple[int, ...]) -> tuple[str, np.ndarray] | None:
    """Name and filters [n, height, width, channels] of the first layer: of a convolution, or of a dense layer
    that takes an image's pixels."""
    for name, w in weights.items():
        if w.ndim == 4 and min(w.shape[:2]) > 1:
            return name, w.transpose(3, 0, 1, 2) if w.shape[3] > 1 else w.transpose(2, 0, 1, 3)
        if w.ndim == 2:
            if len(sample) < 2 or np.prod(sample) != w.shape[0]:
                return None
            channels = sample[2] if len(sample) == 3 else 1
            return name, w.T.reshape(-1, sample[0], sample[1], channels)
    return None


def draw_filters(weights: dict[str, np.ndarray], sample: tuple[int, ...], folder: str) -> Picture | None:
    """None where the first layer has no filters that one can see."""
    found = _first_kernel(weights, sample)
    if not found:
        return None
    name, filters = found
    total, filters = len(filters), filters[:MOST_FILTERS]
    coloured = filters.shape[3] == 3
    limit = float(np.abs(filters).max()) or 1.0
    columns = min(8, len(filters))
    rows = -(-len(filters) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.3 * columns + 1.6, 1.45 * rows + 0.9), squeeze=False)
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i >= len(filters):
            continue
        picture = 0.5 + filters[i] / (2 * limit) if coloured else filters[i].mean(axis=2)
        shown = ax.imshow(picture, cmap=None if coloured else DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
        ax.set_title(str(i + 1), fontsize=11, fontweight="normal", pad=3)
    if not coloured:
        figure.colorbar(shown, ax=axes, label="weight (no unit)", shrink=0.9)
    figure.suptitle("Filters of %s, %d x %d" % (name.rsplit("/", 1)[0], *filters.shape[1:3]), fontweight="bold")
    meaning = ("red, green and blue weights as a colour: grey is zero, a channel's largest weight (%.2g) full light"
               % limit if coloured else
               "orange weights are negative, violet ones positive" +
               ("" if filters.shape[3] == 1 else "; mean of %d channels" % filters.shape[3]))
    says = "What each filter of the first layer looks for (%s)%s." % (
        meaning, "; the first %d of %d" % (MOST_FILTERS, total) if total > MOST_FILTERS else "")
    return Picture("filters", "Filters of the first layer", says, "%d filters" % len(filters),
                   save_figure(figure, folder, "filters"), chart=False)


# ---- feature maps ----------------------------------------------------------------------------------


def _spread(items: list, most: int) -> list:
    """At most so many, evenly spread, with the first and the last."""
    if len(items) <= most:
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def draw_maps(values: dict[str, np.ndarray], samples: Samples, p: Predictions | None, image: int,
              folder: str) -> Picture | None:
    """None where no layer has maps."""
    maps = [(name, v) for name, v in values.items() if v.ndim == 3 and min(v.shape[:2]) > 1]
    shown = _spread(maps, MOST_LAYERS)
    if not shown:
        return None
    tall = [float(np.clip(v.shape[0] / v.shape[1], 0.35, 2)) for _, v in shown]
    figure = plt.figure(figsize=(12.4, max(1.2 * sum(tall), 1.7) + 0.9))
    grid = figure.add_gridspec(len(shown), 2 + MOST_MAPS, width_ratios=[1.7, 1.1] + [1] * MOST_MAPS, height_ratios=tall)
    first = figure.add_subplot(grid[:min(2, len(shown)), 0])
    first.imshow(samples.pixels[image], interpolation="nearest")
    title = "image %d" % (image + 1) + ("\n" + short(p.names[p.truth[image]]) if p else "")
    first.set_title(title, fontsize=12)
    first.axis("off")
    for row, (name, v) in enumerate(shown):
        label = figure.add_subplot(grid[row, 1])
        label.axis("off")
        label.text(1, 0.5, "%s\n%d x %d x %d" % (short(name, 22), *v.shape), ha="right", va="center", fontsize=11,
                   transform=label.transAxes)
        for k in range(min(MOST_MAPS, v.shape[2])):
            ax = figure.add_subplot(grid[row, 2 + k])
            ax.imshow(v[:, :, k], cmap=SEQUENTIAL, interpolation="nearest")
            ax.axis("off")
            if row == 0:
                ax.set_title("map %d" % (k + 1), fontsize=11, fontweight="normal")
    figure.suptitle("Feature maps of image %d (dark: smallest value of a map, light: its largest)" % (image + 1))
    says = ("What the layers make of one image: the first %d maps of each layer%s that generated code keeps, with "
            "the layer's height x width x maps; a layer fused into the next one has none of its own."
            % (MOST_MAPS, " (%d of %d layers)" % (len(shown), len(maps)) if len(maps) > len(shown) else ""))
    return Picture("features", "Feature maps", says, "Maps of %d layers for image %d" % (len(shown), image + 1),
                   save_figure(figure, folder, "features"), chart=False)


# ---- times -----------------------------------------------------------------------------------------


def time_unit(ms: float) -> tuple[float, str]:
    """What a time in milliseconds is multiplied by, and the unit that it has then."""
    return (1000.0, "µs") if ms < 1 else (1.0, "ms") if ms < 1000 else (0.001, "s")


def time_text(ms: float) -> str:
    scale, unit = time_unit(ms)
    return "%.3g %s" % (scale * ms, unit)


def _draw_times(ax: plt.Axes, result: dict) -> int:
    """Two bars a layer; how many layers are left out."""
    layers = [x for x in result["layers"] if max(x["generated_ms"], x["interpreted_ms"]) > 0]
    kept = sorted(layers, key=lambda x: -x["interpreted_ms"])[:MOST_TIMES]
    rows = [x for x in layers if x in kept]
    y = np.arange(len(rows))
    scale, unit = time_unit(max((x["interpreted_ms"] for x in rows), default=1.0))
    for key, label, colour, shift in (("generated_ms", "generated C", BLUE, -0.2),
                                      ("interpreted_ms", "interpreter (OpenBLAS)", ORANGE, 0.2)):
        time = np.array([scale * x[key] for x in rows])
        bars = ax.barh(y + shift, time, 0.38, color=colour, label=label, hatch=None if shift < 0 else "//",
                       edgecolor="white", linewidth=0)
        ax.bar_label(bars, ["%.3g" % t for t in time], padding=3, fontsize=10)
    ax.set(yticks=y, yticklabels=[short(x["layer"], 26) for x in rows], xlabel="time (%s)" % unit)
    ax.set_title("%s: %s against %s" % (
        "One sample" if result["batch"] == 1 else "Batch of %d" % result["batch"],
        time_text(result["generated"]["median_ms"]), time_text(result["interpreted"]["median_ms"])))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.14)
    return len(layers) - len(rows)


def draw_times(bench: dict, folder: str) -> Picture:
    results = bench["results"]
    rows = min(MOST_TIMES, max(len(r["layers"]) for r in results))
    figure, axes = plt.subplots(len(results), 1, figsize=(11, (0.5 * rows + 1.6) * len(results)), squeeze=False)
    hidden = [_draw_times(ax, r) for ax, r in zip(axes[:, 0], results)]
    axes[0, 0].legend(loc="lower right")
    says = ("Median time of each layer in generated C and in the interpreter, on %s with %d threads%s; a layer fused "
            "into another has no time of its own." % (bench["processor"], bench["threads"],
            "; the %d slowest layers" % MOST_TIMES if any(hidden) else ""))
    ratio = ", ".join("%.1f times at batch %d" % (r["ratio"], r["batch"]) for r in results)
    return Picture("times", "Time a layer", says, "Bars for each layer; generated C is faster by " + ratio,
                   save_figure(figure, folder, "times"))


# ---- memory ----------------------------------------------------------------------------------------


def _unit(size: int) -> tuple[float, str]:
    return (2.0 ** 20, "MiB") if size >= 4 * 2 ** 20 else (2.0 ** 10, "KiB") if size >= 4096 else (1.0, "bytes")


def _draw_buffer(ax: plt.Axes, b: Buffer, k: int, scale: float, named: bool) -> None:
    width, height = b.last - b.first + 1, b.bytes / scale
    ax.add_patch(Rectangle((b.first - 0.5, b.offset / scale), width, height, edgecolor="black", linewidth=0.7,
                           facecolor=CLASS_COLOURS[k % len(CLASS_COLOURS)]))
    if named:
        ax.text(b.first - 0.5 + width / 2, b.offset / scale + height / 2, short(b.name, 22), ha="center", va="center",
                fontsize=10, bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 1.5})


def draw_plan(plan: Plan, folder: str) -> Picture:
    scale, unit = _unit(plan.bytes)
    steps = len(plan.steps)
    figure, ax = plt.subplots(figsize=(11, 5.6))
    named = sorted(plan.buffers, key=lambda b: -b.bytes * (b.last - b.first + 1))[:MOST_NAMED]
    for k, b in enumerate(plan.buffers):
        tall = b.bytes > 0.035 * plan.bytes and steps <= 40
        _draw_buffer(ax, b, k, scale, tall and b in named)
    ax.set(xlim=(-0.5, steps - 0.5), ylim=(0, max(plan.bytes / scale, 1e-9) * 1.02), ylabel="place in the workspace (%s)" % unit,
           title="Memory plan: %.4g %s; with a buffer for each value %.4g %s" % (
               plan.bytes / scale, unit, plan.apart / scale, unit))
    ax.grid(axis="x", visible=False)
    if steps <= 24:
        ax.set_xticks(range(steps), [short(s, 20) for s in plan.steps], rotation=35, ha="right")
        ax.set_xlabel("step")
    else:
        ax.set_xlabel("step (number)")
    says = ("Which bytes of the workspace hold what during which steps of one prediction: a rectangle is a buffer, "
            "from its first to its last step, and buffers that are not alive together share their place.")
    return Picture("plan", "Memory plan", says, "%d buffers over %d steps, %d bytes" % (len(plan.buffers), steps, plan.bytes),
                   save_figure(figure, folder, "plan"))
