"""index.html: one file that needs no other and no network."""
from __future__ import annotations

import base64
import html
import io
import math
import os
from dataclasses import dataclass

from PIL import Image

from .style import PNG_DPI, Picture

MOST_SVG = 300_000  # bytes: a larger drawing is embedded as PNG
WIDEST = 1800  # pixels of an embedded PNG
MOST_OPEN_ROWS = 20

STYLE = """
:root { color-scheme: light dark; --ink: #1b1d21; --soft: #5b616b; --paper: #fdfdfc; --card: #ffffff;
  --line: #dcdfe4; --link: #0060a0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e9ec; --soft: #a6acb6; --paper: #16181c; --card: #1d2025; --line: #363b44; --link: #7fc4f5; }
  .chart img { filter: invert(0.885) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 66rem; padding: 1.2rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.4rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 0.3rem; }
p { margin: 0.3rem 0 0.8rem; max-width: 48rem; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; margin: 1rem 0; font-size: 0.95rem; }
nav a { padding: 0.25rem 0; }
.soft, figcaption { color: var(--soft); font-size: 0.9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5rem 0; }
th, td { text-align: left; padding: 0.3rem 1.2rem 0.3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 600; }
td.number, th.number { text-align: right; }
figure { margin: 0.5rem 0; }
.frame { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
.frame img { display: block; margin: 0 auto; width: 100%; height: auto; min-width: 38rem; }
.frame.photo { background: #ffffff; }
summary { cursor: pointer; padding: 0.3rem 0; }
"""


@dataclass
class Table:
    """Rows of texts; columns of which the heading begins with '#' hold numbers."""
    title: str
    says: str
    head: list[str]
    rows: list[list[str]]


def percent(x: float) -> str:
    return "–" if x is None or math.isnan(x) else "%.1f %%" % (100 * x)


# ---- embedding -------------------------------------------------------------------------------------


def _data_uri(kind: str, data: bytes) -> str:
    return "data:image/%s;base64,%s" % (kind, base64.b64encode(data).decode("ascii"))


def _smaller(path: str) -> bytes:
    with Image.open(path) as image:
        image.load()
        if image.width > WIDEST:
            image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        image.convert("RGB").save(out, "PNG", optimize=True)
        return out.getvalue()


def _embedded(picture: Picture, folder: str) -> tuple[str, int, int]:
    """The picture as a data URI, and its size in pixels."""
    first = os.path.join(folder, picture.files[0])
    raster = next(os.path.join(folder, f) for f in picture.files if not f.endswith(".svg"))
    with Image.open(raster) as image:
        size = image.size
    if raster.endswith(".jpg"):
        with open(raster, "rb") as f:
            return _data_uri("jpeg", f.read()), *size
    if first.endswith(".svg") and os.path.getsize(first) <= MOST_SVG:
        with open(first, "rb") as f:
            return _data_uri("svg+xml", f.read()), *size
    return _data_uri("png", _smaller(raster)), *size


def _widest(picture: Picture, width: int) -> int:
    """CSS pixels at which the letters of a figure are as large as those of the page."""
    return width if picture.files[0].endswith(".jpg") else round(width * 96 / PNG_DPI)


def _figure(picture: Picture, folder: str) -> str:
    uri, width, height = _embedded(picture, folder)
    kept = [f for f in picture.files if not f.endswith("-small.jpg")]
    links = " · ".join('<a href="%s">%s</a>' % (html.escape(f), f.rsplit(".", 1)[1].upper()) for f in kept)
    return """<figure>
<div class="frame %s" tabindex="0"><img src="%s" width="%d" height="%d" style="max-width: %dpx" alt="%s"></div>
<figcaption>%s, beside this page: %s</figcaption>
</figure>""" % ("chart" if picture.chart else "photo", uri, width, height, _widest(picture, width), html.escape(picture.alt),
                html.escape(picture.title), links)


# ---- tables ----------------------------------------------------------------------------------------


def _table(t: Table) -> str:
    numbers = [h.startswith("#") for h in t.head]
    def row(cells: list[str], tag: str) -> str:
        return "<tr>%s</tr>" % "".join("<%s%s>%s</%s>" % (
            tag, ' class="number"' if number else "", html.escape(cell.lstrip("#") if tag == "th" else cell), tag)
            for cell, number in zip(cells, numbers))
    head = row(t.head, "th") if any(t.head) else ""
    body = '<div class="scroll"><table>%s%s</table></div>' % (head, "".join(row(r, "td") for r in t.rows))
    if len(t.rows) > MOST_OPEN_ROWS:
        body = "<details><summary>%d rows</summary>%s</details>" % (len(t.rows), body)
    return "<p>%s</p>\n%s" % (html.escape(t.says), body)


def _anchor(title: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in title.lower())


def write_page(folder: str, title: str, about: str, sections: list[Picture | Table]) -> None:
    links = "".join('<a href="#%s">%s</a>' % (_anchor(s.title), html.escape(s.title)) for s in sections)
    parts = []
    for s in sections:
        body = _table(s) if isinstance(s, Table) else "<p>%s</p>\n%s" % (html.escape(s.says), _figure(s, folder))
        parts.append('<section id="%s">\n<h2>%s</h2>\n%s\n</section>' % (_anchor(s.title), html.escape(s.title), body))
    text = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>%s</title>
<link rel="icon" href="data:,">
<style>%s</style>
</head>
<body>
<h1>%s</h1>
<p class="soft">%s</p>
<nav>%s</nav>
<main>
%s
</main>
</body>
</html>
""" % (html.escape(title), STYLE, html.escape(title), html.escape(about), links, "\n".join(parts))
    with open(os.path.join(folder, "index.html"), "w", encoding="utf-8") as f:
        f.write(text)
