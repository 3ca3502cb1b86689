"""Asks the network of ../stripes.py which way stripes run. `lathe compile --python` wrote the module
stripes: see ../README.md."""

import numpy as np

import stripes

NAMES = ["horizontal", "vertical"]


def draw():
    """Stripes two pixels wide, horizontal and vertical: pictures [2, 8, 8, 1] of 0 and 255."""
    horizontal = np.repeat(np.arange(8)[:, None] // 2 % 2 * 255, 8, axis=1)
    return np.stack([horizontal, horizontal.T]).astype(np.uint8)[..., None]


stripes.self_test()
p = stripes.predict(draw())
for name, row in zip(NAMES, p):
    print(f"drawn {name}, told {NAMES[row.argmax()]} ({row.max():.3f})")
assert list(p.argmax(axis=1)) == [0, 1]
