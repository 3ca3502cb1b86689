"""The results of bench/peers as a table (Markdown), a chart (SVG) and raw samples (JSON)."""
import json
import os
import statistics

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

import peers_systems
import training_steps

TITLES = {**peers_systems.TITLES, **training_steps.TITLES}
COLOURS = {"lathe": "#c0392b", "onnxruntime": "#2471a3", "openvino": "#7d3c98", "ncnn": "#148f77", "litert": "#b9770e",
           "keras-tensorflow": "#707b7c", "keras-jax": "#34495e", "pytorch": "#d35400", "pytorch-compiled": "#a04000"}


def name_of(report):
    """Of the files: what was measured."""
    o = report["options"]
    parts = ["training"] if o["training"] else ["batch%d" % o["batch"]]
    parts += ["threads%d" % o["threads"], *([o["isa"]] if o["isa"] != "host" else []), *(["exact"] if o["exact"] else [])]
    return "-".join(parts)


def write(report, options):
    path = os.path.join(options.out, name_of(report))
    with open(path + ".json", "w") as f:
        json.dump(report, f)
    with open(path + ".md", "w") as f:
        f.write(markdown(report))
    if any(ratio(row) for row in report["rows"]):
        draw(report, path + ".svg")


# ---- numbers -----------------------------------------------------------------------------------

def peers(row):
    """Medians of the other systems that gave the right result."""
    return {s: r["median"] for s, r in row.get("systems", {}).items()
            if s != "lathe" and "median" in r and r.get("agrees", True)}


def best_peer(row):
    found = peers(row)
    return min(found, key=found.get) if found else None


def ratio(row):
    """lathe's time over the best other system's; None if there is none of the two."""
    best, own = best_peer(row), row.get("systems", {}).get("lathe", {})
    return own["median"] / row["systems"][best]["median"] if best and "median" in own else None


def round_ratios(row):
    """The same for each round alone: how sure the ratio is."""
    best = best_peer(row)
    pairs = zip(row["systems"]["lathe"]["blocks"], row["systems"][best]["blocks"])
    return sorted(statistics.median(a) / statistics.median(b) for a, b in pairs)


def least_ratio(row):
    """Of the fastest samples: what other programs on the machine disturb least."""
    least = {s: min(map(min, row["systems"][s]["blocks"])) for s in [*peers(row), "lathe"]}
    return least.pop("lathe") / min(least.values())


def verdict(row):
    r, own = ratio(row), row.get("systems", {}).get("lathe", {})
    if r is None:
        return "not measured"
    if not own.get("agrees", True):
        return "**lathe's result is wrong**"
    if row["must"] is None:
        return ""
    return "met" if r <= row["must"] else "**falls short**"


# ---- the table ---------------------------------------------------------------------------------

def markdown(report):
    lines = head(report) + summary(report)
    for row in report["rows"]:
        lines += details(row, report)
    return "\n".join(lines) + "\n"


def head(report):
    m, o = report["machine"], report["options"]
    what = "A training step" if o["training"] else "Inference in batches of %d" % o["batch"]
    lines = ["# %s, lathe and other systems, %d thread%s" % (what, o["threads"], "s" * (o["threads"] > 1)), "",
             "%s, %d cores, %s; %s; %s; load %.2f before the first network." % (
                 m["cpu"], m["cores"], m["system"], m["compiler"], report["when"], m["load"]),
             "Peak on %d threads: %.0f GFLOP/s (%s multiply-adds), %.1f GB/s (reading %.0f MB)." % (
                 m["threads"], m["gflops"], m["isa"], m["gbytes"], m["read_bytes"] / 1e6),
             "%d rounds in turn; medians of the blocks' medians, in milliseconds." % o["rounds"], ""]
    if o["isa"] == "avx2":
        lines += ["All systems are held to AVX2; a system that could not be is marked.", ""]
    for package, reason in report["not_installed"]:
        lines += ["Not installed: %s (%s)." % (package, reason), ""]
    return lines


def systems_of(report):
    found = [s for row in report["rows"] for s in row.get("systems", {})]
    return [s for s in TITLES if s in found]


def summary(report):
    systems = systems_of(report)
    lines = ["| network | %s | lathe / best | of each round | of the fastest | must | |" % " | ".join(TITLES[s] for s in systems),
             "|---|%s--:|---|--:|--:|---|" % ("--:|" * len(systems))]
    for row in report["rows"]:
        cells = [time_cell(row.get("systems", {}).get(s, {}), s == best_peer(row)) for s in systems]
        r = ratio(row)
        rounds = round_ratios(row) if r else []
        lines.append("| %s | %s | %s | %s | %s | %s | %s |" % (
            row["network"], " | ".join(cells), "%.2f" % r if r else "-",
            "%.2f to %.2f" % (rounds[0], rounds[-1]) if rounds else "",
            "%.2f" % least_ratio(row) if r else "", row.get("must") or "", row["failure"] if "failure" in row else verdict(row)))
    return lines + [""]


def milliseconds(t):
    return "%.4f" % t if t < 1 else "%.3f" % t if t < 10 else "%.1f" % t


def time_cell(result, best):
    if "median" not in result:
        return "-" if not result else "failed"
    text = milliseconds(result["median"]) + ("" if result.get("agrees", True) else " (wrong)")
    return "**%s**" % text if best else text


def details(row, report):
    if "failure" in row:
        return ["## %s" % row["network"], "", row["failure"], ""]
    work = "%.4g million multiply-adds an image; " % (row["multiply_adds"] / 1e6) if "multiply_adds" in row else ""
    if "compile_seconds" in row:
        work += "lathe and the C compiler took %.1f s; " % row["compile_seconds"]
    lines = ["## %s" % row["network"], "", "Batch %d; %sload %.2f before, %.2f after." % (
        row["batch"], work, *row["loads"]), "",
             "| system | version | median | least | most | GFLOP/s | of peak | memory, MB | error | settings |",
             "|---|---|--:|--:|--:|--:|--:|--:|--:|---|"]
    for system in TITLES:
        if system in row["systems"]:
            lines.append(detail(system, row["systems"][system], row, report))
    return lines + [""]


def detail(system, result, row, report):
    if "failure" in result:
        return "| %s | %s | - | | | | | | | %s |" % (TITLES[system], result.get("version", ""),
                                                     result["failure"].replace("|", "/"))
    rate, share = "", ""
    if row.get("multiply_adds"):
        flops = 2e-6 * row["multiply_adds"] * row["batch"] / result["median"]
        rate, share = "%.1f" % flops, "%.0f%%" % (100 * flops / report["machine"]["gflops"])
    error = "%.1e" % result["error"] if "error" in result else ""
    if not result.get("agrees", True):
        error = "**%s: wrong**" % error
    settings = result["settings"]
    if report["options"]["isa"] == "avx2" and system != "lathe" and not result.get("held"):
        settings += "; **not held to AVX2**"
    return "| %s | %s | %s | %s | %s | %s | %s | %.0f | %s | %s |" % (
        TITLES[system], result["version"], milliseconds(result["median"]), milliseconds(result["least"]),
        milliseconds(result["most"]), rate, share, (result["memory"] or 0) / 1e6, error, settings)


# ---- the chart ---------------------------------------------------------------------------------

def draw(report, path):
    """Times over the best other system's, a column a network; a bar is lathe's, a line its must."""
    rows = [row for row in report["rows"] if ratio(row)]
    figure, axes = pyplot.subplots(figsize=(2.5 + 0.9 * len(rows), 4.5))
    for i, row in enumerate(rows):
        best = row["systems"][best_peer(row)]["median"]
        axes.bar(i, ratio(row), 0.5, color=COLOURS["lathe"], label="lathe" if i == 0 else None, zorder=1)
        if row["must"]:
            axes.hlines(row["must"], i - 0.35, i + 0.35, color="black", label="must" if i == 0 else None, zorder=2)
        for system, median in peers(row).items():
            axes.plot(i, median / best, "o", color=COLOURS[system], markersize=5, zorder=3)
    for system in systems_of(report):
        if system != "lathe":
            axes.plot([], [], "o", color=COLOURS[system], markersize=5, label=TITLES[system])
    axes.set_yscale("log")
    ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
    low, high = axes.get_ylim()
    axes.set_yticks([t for t in ticks if low <= t <= high], ["%g" % t for t in ticks if low <= t <= high])
    axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xticks(range(len(rows)), [row["network"] for row in rows], rotation=30, ha="right")
    axes.axhline(1, color="grey", linewidth=0.8, zorder=0)
    axes.set_ylabel("time / best other system's time")
    axes.set_title(name_of(report).replace("-", ", ").replace("batch", "batch ").replace("threads", "threads "))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
