# Python's arithmetic and containers.
import math

import keras
from keras import layers

assert_ = [
    7 // 2 == 3, -7 // 2 == -4, 7 % 3 == 1, -7 % 3 == 2, 2**10 == 1024, 7 / 2 == 3.5,
    0x10 + 0b11 + 0o7 == 26, 1_000 == 1000, 1e-3 == 0.001, 5 & 6 | 1 ^ 8 == 13, 1 << 4 >> 2 == 4,
    "ab" + "c" == "abc", "ab" * 2 == "abab", [1] * 2 + [3] == [1, 1, 3], (1, 2) + (3,) == (1, 2, 3),
    [1, 2, 3][-1] == 3, [1, 2, 3][1:] == [2, 3], [1, 2, 3][::-1] == [3, 2, 1], "conv"[1:3] == "on", "conv"[::-1] == "vnoc", [0, 1, 2, 3, 4][1::2] == [1, 3],
    (1 < 2 < 3) and not (1 < 3 < 2), 2 in [1, 2], 5 not in (1, 2), "a" in {"a": 1}, "on" in "conv",
    None is None, [] is not None, len(range(0, 10, 3)) == 4, sum([1, 2, 3]) == 6, max(3, 5) == 5,
    min([4, 2]) == 2, abs(-3) == 3, int(3.7) == 3, round(2.5) == 2, str(1.5) == "1.5",
    float(2) == 2.0, list(zip([1, 2], "ab"))[1] == (2, "b"), tuple(range(2)) == (0, 1),
    dict(a=1)["a"] == 1, {**{"k": 2}}["k"] == 2, [x * y for x, y in [(1, 2), (3, 4)] if x > 1] == [12],
    "A".lower() + "b".upper() == "aB", bool([]) == False, 0.1 + 0.2 > 0.3, -2**2 == -4,
    f"{3}{'x'!r:>4}{2.5:.2f}{7:03d}" == "3 'x'2.50007", "%s_%02d%%" % ("a", 5) == "a_05%",
    "{0}{1}{0}{{}}{name}".format(1, 2, name=3) == "121{}3", "\x41\u00e9\n"[0] == "A",
    math.ceil(2.1) == 3, math.floor(-2.5) == -3, math.trunc(-2.5) == -2, math.ceil(7) == 7,
    math.sqrt(2.25) == 1.5, math.log2(8) == 3.0, 3.14 < math.pi < 3.15,
    list(reversed([1, 2])) == [2, 1], (lambda: 3) is not None, 1 if True else 2 == 1,
]
bad = [i for i, ok in enumerate(assert_) if not ok]
a, (b, *rest), c = 1, (2, 3, 4), 5
rest += [6]
settings = {"units": a + b + sum(rest), "activation": "relu"}
settings["name"] = "head"
n: int = 0
for n in range(10):
    if n == 2:
        continue
    elif n > 3:
        break
else:
    n = 100

model = keras.Sequential(
    [keras.Input((4,))] + [layers.Dense(k + 1, name=f"wrong_{k}") for k in bad]
    + [layers.Dense(**settings), layers.Dense(n)]
)
