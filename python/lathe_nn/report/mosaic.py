"""A plane of predictions as a picture of the images themselves."""
from __future__ import annotations

import os

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .classes import Predictions
from .points import Plane, chosen_classes
from .style import CLASS_COLOURS, OTHER_COLOUR, Picture, short

WIDTH, HEIGHT, MARGIN, STRIP = 4000, 3000, 40, 200
PREVIEW = 1400  # pixels across, in the page
BACKGROUND = (24, 24, 24)
LEAST_CELL, MOST_CELL = 36, 132
REACH = 4  # cells that an image may be moved to a free one


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def _offsets() -> list[tuple[int, int]]:
    span = range(-REACH, REACH + 1)
    near = [(dx, dy) for dx in span for dy in span if dx * dx + dy * dy <= REACH * REACH]
    return sorted(near, key=lambda d: (d[0] * d[0] + d[1] * d[1], d))


def place(at: np.ndarray, columns: int, rows: int) -> list[tuple[int, int, int]]:
    """(point, column, row) of the points that find a free cell at their place or near it."""
    low, span = at.min(axis=0), np.maximum(np.ptp(at, axis=0), 1e-12)
    cell = ((at - low) / span * (columns - 1, rows - 1)).round().astype(int)
    cell[:, 1] = rows - 1 - cell[:, 1]  # upwards, as in a chart
    taken, out, offsets = set(), [], _offsets()
    for i in np.random.default_rng(0).permutation(len(at)):
        x, y = int(cell[i, 0]), int(cell[i, 1])
        for dx, dy in offsets:
            spot = (x + dx, y + dy)
            if spot in taken or not (0 <= spot[0] < columns and 0 <= spot[1] < rows):
                continue
            taken.add(spot)
            out.append((int(i), *spot))
            break
    return out


def _draw_strip(canvas: Image.Image, plane: Plane, classes: np.ndarray, colours: list[str], p: Predictions,
                shown: int, others: bool) -> None:
    draw = ImageDraw.Draw(canvas)
    draw.text((MARGIN, 24), "%s: %d of %d images.  Across: %s.  Up: %s." % (
        plane.title, shown, len(p.truth), *plane.axes), font=_font(46), fill="white")
    entries = [(short(p.names[c], 16), colours[k]) for k, c in enumerate(classes)]
    if others:
        entries.append(("others", OTHER_COLOUR))
    step = (WIDTH - 2 * MARGIN) / max(len(entries), 6)
    for k, (name, colour) in enumerate(entries):
        x = MARGIN + k * step
        draw.rectangle((x, 112, x + 52, 164), fill=colour)
        draw.text((x + 68, 138), name, font=_font(44 if step > 370 else 38), fill="white", anchor="lm")


def _thumbnail(pixels: np.ndarray, size: int) -> Image.Image:
    image = Image.fromarray(pixels)
    filter = Image.Resampling.NEAREST if size % image.width == 0 and size >= image.width else Image.Resampling.LANCZOS
    return image.resize((size, size), filter)


def draw_mosaic(p: Predictions, plane: Plane, pixels: np.ndarray, folder: str) -> Picture:
    area = (WIDTH - 2 * MARGIN) * (HEIGHT - STRIP - MARGIN)
    cell = int(np.clip(np.sqrt(area / len(plane.at)), LEAST_CELL, MOST_CELL))
    columns, rows = (WIDTH - 2 * MARGIN) // cell, (HEIGHT - STRIP - MARGIN) // cell
    frame = max(2, cell // 16)
    classes = chosen_classes(p, plane.index)
    colour = {int(c): CLASS_COLOURS[k] for k, c in enumerate(classes)}
    canvas = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    draw, placed = ImageDraw.Draw(canvas), place(plane.at, columns, rows)
    others = False
    for i, column, row in placed:
        sample = plane.index[i]
        x, y = MARGIN + column * cell, STRIP + row * cell
        own = colour.get(int(p.truth[sample]))
        others |= own is None
        draw.rectangle((x, y, x + cell - 1, y + cell - 1), fill=own or OTHER_COLOUR)
        canvas.paste(_thumbnail(pixels[sample], cell - 2 * frame), (x + frame, y + frame))
    _draw_strip(canvas, plane, classes, list(colour.values()), p, len(placed), others)
    name = plane.name + "-mosaic"
    canvas.save(os.path.join(folder, name + ".png"))
    canvas.resize((PREVIEW, PREVIEW * HEIGHT // WIDTH), Image.Resampling.LANCZOS).save(
        os.path.join(folder, name + "-small.jpg"), quality=82)
    says = ("The same plane, drawn with the images themselves, framed in the colour of their true class; %d of %d "
            "found a free place near their point. The picture in full size has %d x %d pixels."
            % (len(placed), len(p.truth), WIDTH, HEIGHT))
    return Picture(name, plane.title + ", as images", says, "Mosaic of %d images" % len(placed),
                   [name + "-small.jpg", name + ".png"], chart=False)
