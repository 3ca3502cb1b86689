"""How pictures look: fonts, colours that colour-blind readers tell apart, and how figures are saved."""
from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import seaborn as sns  # noqa: E402

# Ten colours for classes: Petroff (2021), "Accessible color sequences for data visualization". A class
# has a marker of its own as well.
CLASS_COLOURS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70",
                 "#717581", "#92dadd")
CLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
OTHER_COLOUR = "#d0d0d0"
# Okabe and Ito: for two things side by side, right and wrong.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SEQUENTIAL, DIVERGING = "cividis", "PuOr"
PNG_DPI = 160


@dataclass
class Picture:
    """A picture of the page. `files` lie beside it; the first one that is small enough is embedded."""
    name: str
    title: str
    says: str  # a sentence: what one sees
    alt: str
    files: list[str] = field(default_factory=list)
    chart: bool = True  # lines and bars on white: a dark page may invert it


def set_style() -> None:
    sns.set_theme(style="whitegrid", rc={
        "font.size": 12, "axes.titlesize": 14, "axes.labelsize": 12, "xtick.labelsize": 11,
        "ytick.labelsize": 11, "legend.fontsize": 11, "figure.titlesize": 15, "axes.titleweight": "bold",
        "figure.constrained_layout.use": True, "savefig.facecolor": "white", "font.family": "DejaVu Sans",
        # The same input gives the same bytes; names are no formulas.
        "svg.hashsalt": "lathe", "svg.fonttype": "path", "text.parse_math": False})
    warnings.filterwarnings("ignore", message="Glyph .* missing")


def save_figure(figure: plt.Figure, folder: str, name: str) -> list[str]:
    """NAME.svg and NAME.png; the names."""
    svg, png = name + ".svg", name + ".png"
    figure.savefig(os.path.join(folder, svg), metadata={"Date": None}, dpi=PNG_DPI)
    figure.savefig(os.path.join(folder, png), dpi=PNG_DPI, metadata={"Software": None})
    plt.close(figure)
    return [svg, png]


def short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else text[:most - 1] + "…"
