# What the methods and operators of lists, dictionaries, strings and numbers give, in names of layers.
from keras import Input, Model, Sequential
from keras.layers import Conv2D, Dense, RandomCrop, RandomTranslation, SpatialDropout2D

widths = [1, 2]
widths.extend((3, 4))
widths[-1] = 5
widths[0] += 6
sizes = {"a": 1, "b": 2}
sizes["b"] = 4
kept = sizes.get("b") + sizes.get("c", 10)
keys = list(sizes.keys())
items = sum([value * len(key) for key, value in sizes.items()]) + sum(sizes.values())
joined = [*widths, *(8, 9)]
all_options = {**{"units": 3}, "use_bias": False}
names = [
    f"list_{widths[0]}_{widths[3]}_{len(widths)}_{len(joined)}",
    f"dict_{kept}_{keys[1]}_{items}",
    f"{-7 // 2}_{-7 % 3}_{7.5 // 2}_{7.5 % 2}_{7 // -1}_{7 % -1}",
    f"{255:x}_{255:X}_{0.00012:e}_{12345.678:g}_{1.5:.3}_{-3:05d}",
    "{}_{:d}".format("format", 3),
    f"{bool(0.0)}_{bool('')}_{bool(range(0))}_{bool([1])}_{bool(1.5)}_{bool('x')}",
    f"{(1, 2) == (1, 2)}_{[1] * 2 == 2 * [1]}_{'ab' * 2}_{2 * 'ab'}",
    f"{abs(-2)}_{round(2.6)}_{float(3)}_{max(1, 2.5)}_{min([3, 2])}_{list(enumerate('ab', 1))[1][0]}",
]
inputs = Input((8, 8, 3))
x = RandomTranslation((-0.25, 0.125), 0.5, fill_mode="nearest", interpolation="nearest")(inputs)
x = RandomCrop(6, 5)(x)
x = Conv2D(4, 3)(x)
x = SpatialDropout2D(0.5)(x)
first = Dense(name=names[0], **all_options)
x = first(x)
for name in names[1:]:
    x = Dense(2, name="is_" + name)(x)
body = Model(inputs, x, name="body")
top = Dense(first.output.shape[-1], name=f"{first.name}_{first.trainable}_{first.input.shape[1]}")
model = Sequential([body, top])
