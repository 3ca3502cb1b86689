"""Draws networks: draw(seed) is always the same network. Every layer, activation and operation that `lathe
layers` lists has a rule here, or a reason in cells.txt. A rule gets the random numbers and the shape of a
sample, and gives the layer's arguments with the shape of the result, or None where it does not fit."""
import math
import random

from network import Call, Network, Output, Text

LARGEST = 1200  # elements of a sample anywhere: the work is in compiling, not in computing


def largest_is(shape):
    return math.prod(shape) <= LARGEST


# ---- choices ------------------------------------------------------------------------------------


class Dice(random.Random):
    def chance(self, p):
        return self.random() < p

    def maybe(self, args, name, *values, p=0.5):
        """Gives the argument one of the values, or leaves it out."""
        if self.chance(p):
            args[name] = self.choice(values)
        return args.get(name)

    def number(self, low, high):
        return round(self.uniform(low, high), 2)


ACTIVATIONS = ("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "sigmoid",
               "hard_sigmoid", "hard_silu", "tanh", "hard_tanh", "softplus", "softsign", "exponential", "mish",
               "hard_shrink", "soft_shrink", "softmax", "log_softmax")
COMMON = ("relu", "relu", "tanh", "sigmoid")
# Grow too fast to come one behind the other: they get small numbers.
STEEP = ("exponential",)
NOT_CALLED = ("mish", "hard_silu")  # Keras's functions fail on a model's tensors


def activation(d, args, p=0.5):
    if d.chance(p):
        args["activation"] = d.choice(COMMON if d.chance(0.4) else [a for a in ACTIVATIONS if a not in STEEP])


def regularizer(d, args, *names):
    for name in names:
        if d.chance(0.15):
            args[name] = d.choice(["l1", "l2", Text("regularizers.L2(%g)" % d.number(0.01, 0.1)),
                                   Text("regularizers.L1(0.02)"), Text("regularizers.L1L2(0.01, 0.03)")])


def pair(d, rank, values):
    """A number, or one for each axis."""
    if rank == 1:
        return d.choice(values)
    return d.choice(values) if d.chance(0.6) else (d.choice(values), d.choice(values))


def both(value, rank):
    return value if isinstance(value, tuple) else (value,) * rank


def window(size, kernel, stride, dilation, padding):
    """The size of what a sliding window gives along an axis; 0: nothing."""
    reach = (kernel - 1) * dilation + 1
    if padding == "valid":
        return 0 if size < reach else (size - reach) // stride + 1
    return -(-size // stride)


# ---- convolutions -------------------------------------------------------------------------------


def geometry(d, args, rank, kernels=(1, 2, 3, 3, 3, 5), paddings=("valid", "same")):
    args["kernel_size"] = pair(d, rank, kernels)
    d.maybe(args, "padding", *paddings, p=0.7)
    if d.chance(0.25):
        args["strides"] = pair(d, rank, (1, 2, 3)) if rank == 1 else d.choice((2, 3, (1, 2), (2, 1)))
    elif d.chance(0.2):
        args["dilation_rate"] = pair(d, rank, (1, 2, 3))


def windows(shape, args):
    """The spatial size of the result."""
    rank = len(shape) - 1
    padding = "same" if args.get("padding") in ("same", "causal") else "valid"
    values = zip(shape, *(both(args.get(n, 1), rank) for n in ("kernel_size", "strides", "dilation_rate")))
    return tuple(window(s, k, st, di, padding) for s, k, st, di in values)


FILTERS = (1, 2, 3, 5, 8, 12, 16, 16, 17, 32, 33)


def conv(d, shape):
    rank, channels = len(shape) - 1, shape[-1]
    args = {"filters": d.choice(FILTERS)}
    geometry(d, args, rank, paddings=("valid", "same", "causal") if rank == 1 else ("valid", "same", "same"))
    # Keras's convolutions of XLA know strides or dilation, not both.
    groups = [g for g in (2, 3, 4, channels) if g > 1 and channels % g == 0]
    if groups and d.chance(0.2):
        args["groups"] = d.choice(groups)
        args["filters"] = args["groups"] * d.choice((1, 2, 3))
    activation(d, args)
    d.maybe(args, "use_bias", False, True, p=0.3)
    regularizer(d, args, "kernel_regularizer", "bias_regularizer")
    return args, windows(shape, args) + (args["filters"],)


def depthwise(d, shape):
    rank = len(shape) - 1
    args = {}
    geometry(d, args, rank)
    if "strides" in args:
        args["strides"] = d.choice((1, 2, 3))
    d.maybe(args, "depth_multiplier", 1, 2, 3, p=0.3)
    activation(d, args)
    d.maybe(args, "use_bias", False, True, p=0.3)
    regularizer(d, args, "depthwise_regularizer", "bias_regularizer")
    return args, windows(shape, args) + (shape[-1] * args.get("depth_multiplier", 1),)


def separable(d, shape):
    args, out = depthwise(d, shape)
    regularizer(d, args, "pointwise_regularizer")
    args = {"filters": d.choice(FILTERS), **args}
    return args, out[:-1] + (args["filters"],)


def transposed(d, shape):
    rank = len(shape) - 1
    args = {"filters": d.choice((1, 2, 3, 5, 8, 16)), "kernel_size": pair(d, rank, (1, 2, 3, 4))}
    d.maybe(args, "padding", "valid", "same", p=0.7)
    if d.chance(0.6):
        args["strides"] = pair(d, rank, (1, 2, 3))
    elif d.chance(0.3):
        args["dilation_rate"] = 2
    kernel, stride = both(args["kernel_size"], rank), both(args.get("strides", 1), rank)
    dilation = args.get("dilation_rate", 1)
    least = min(stride)
    if least > 1 and d.chance(0.3):
        args["output_padding"] = d.randrange(least)
    activation(d, args)
    d.maybe(args, "use_bias", False, True, p=0.3)
    regularizer(d, args, "kernel_regularizer", "bias_regularizer")
    out = []
    for n, k, s in zip(shape, kernel, stride):
        reach = (k - 1) * dilation + 1
        extra = args.get("output_padding")
        if extra is None:
            out.append(n * s if args.get("padding") == "same" else n * s + max(reach - s, 0))
        else:
            pad = reach // 2 if args.get("padding") == "same" else 0
            out.append((n - 1) * s + reach - 2 * pad + extra)
    return args, tuple(out) + (args["filters"],)


def dense(d, shape):
    args = {"units": d.choice((1, 2, 3, 4, 7, 10, 16, 17, 24, 33))}
    activation(d, args)
    d.maybe(args, "use_bias", False, True, p=0.3)
    regularizer(d, args, "kernel_regularizer", "bias_regularizer")
    return args, shape[:-1] + (args["units"],)


# ---- normalisations -----------------------------------------------------------------------------


def some_axes(d, shape):
    axes = sorted(d.sample(range(1, len(shape) + 1), d.randint(1, len(shape))))
    return axes[0] if len(axes) == 1 and d.chance(0.5) else axes


def center_and_scale(d, args):
    d.maybe(args, "center", False, True, p=0.3)
    d.maybe(args, "scale", False, True, p=0.3)
    if args.get("scale", True):
        regularizer(d, args, "gamma_regularizer")
    if args.get("center", True):
        regularizer(d, args, "beta_regularizer")


def batch_normalization(d, shape):
    args = {}
    if d.chance(0.15):
        args["axis"] = d.randint(1, len(shape))
    d.maybe(args, "momentum", 0.8, 0.5, p=0.3)
    d.maybe(args, "epsilon", 0.01, 0.1, p=0.5)
    center_and_scale(d, args)
    return args, shape


def layer_normalization(d, shape):
    args = {}
    if d.chance(0.4):
        args["axis"] = some_axes(d, shape)
    d.maybe(args, "epsilon", 0.01, 0.1, p=0.5)
    center_and_scale(d, args)
    return args, shape


def group_normalization(d, shape):
    axis = d.randint(1, len(shape)) if d.chance(0.2) else len(shape)
    args = {"groups": d.choice([-1] + [g for g in (1, 2, 3, 4) if shape[axis - 1] % g == 0])}
    if axis != len(shape):
        args["axis"] = axis
    d.maybe(args, "epsilon", 0.01, 0.1, p=0.5)
    center_and_scale(d, args)
    return args, shape


def unit_normalization(d, shape):
    return ({"axis": some_axes(d, shape)} if d.chance(0.4) else {}), shape


def rms_normalization(d, shape):
    args = {}
    d.maybe(args, "epsilon", 0.01, 0.1)
    d.maybe(args, "axis", -1, p=0.3)
    return args, shape


def normalization(d, shape):
    if d.chance(0.2):
        args = {"axis": None, "mean": d.number(-1, 1), "variance": d.number(0.3, 2)}
    else:
        args = {"mean": [d.number(-1, 1) for _ in range(shape[-1])],
                "variance": [d.number(0.3, 2) for _ in range(shape[-1])]}
    d.maybe(args, "invert", True, p=0.2)
    return args, shape


def rescaling(d, shape):
    args = {"scale": d.choice((0.5, 2, -1.5))}
    if d.chance(0.3):
        args["scale"] = [d.number(0.5, 2) for _ in range(shape[-1])]
    d.maybe(args, "offset", 0.25, -1)
    return args, shape


# ---- pooling, sizes, shapes ---------------------------------------------------------------------


def pooling(d, shape):
    rank = len(shape) - 1
    args = {"pool_size": 2}  # Keras's layers for averages have no default
    d.maybe(args, "pool_size", 2, 3, *([(1, 2), (3, 2)] if rank == 2 else []), p=0.8)
    d.maybe(args, "strides", 1, 2, 3, *([(2, 1)] if rank == 2 else []), p=0.4)
    d.maybe(args, "padding", "same", "valid", p=0.5)
    size = both(args.get("pool_size", 2), rank)
    stride = both(args.get("strides", size), rank)
    padding = args.get("padding", "valid")
    return args, tuple(window(s, k, st, 1, padding) for s, k, st in zip(shape, size, stride)) + shape[-1:]


def global_pooling(d, shape):
    args = {}
    d.maybe(args, "keepdims", True, False, p=0.5)
    return args, ((1,) * (len(shape) - 1) if args.get("keepdims") else ()) + shape[-1:]


def edges(d, rank, limit):
    """Padding or cropping: (argument, before and after of each axis)."""
    one = [d.randint(0, m) for m in limit]
    if rank == 1:
        other = [d.randint(0, limit[0])]
        return (one[0], [(one[0], one[0])]) if d.chance(0.5) else ((one[0], other[0]), [(one[0], other[0])])
    kind = d.randrange(3)
    if kind == 0:
        n = min(one)
        return n, [(n, n)] * 2
    if kind == 1:
        return tuple(one), [(n, n) for n in one]
    sides = [(n, d.randint(0, m)) for n, m in zip(one, limit)]
    return tuple(sides), sides


def zero_padding(d, shape):
    rank = len(shape) - 1
    value, sides = edges(d, rank, [2] * rank)
    return {"padding": value}, tuple(n + sum(s) for n, s in zip(shape, sides)) + shape[-1:]


def cropping(d, shape):
    rank = len(shape) - 1
    value, sides = edges(d, rank, [max(0, min(2, (n - 1) // 2)) for n in shape[:-1]])
    return {"cropping": value}, tuple(n - sum(s) for n, s in zip(shape, sides)) + shape[-1:]


def up_sampling(d, shape):
    rank = len(shape) - 1
    args = {}
    d.maybe(args, "size", 1, 2, 3, *([(1, 2), (3, 2)] if rank == 2 else []), p=0.7)
    if rank == 2:
        d.maybe(args, "interpolation", "nearest", "bilinear", "bicubic", p=0.7)
    size = both(args.get("size", 2), rank)
    return args, tuple(n * s for n, s in zip(shape, size)) + shape[-1:]


def resizing(d, shape):
    args = {"height": d.randint(1, 9), "width": d.randint(1, 9)}
    d.maybe(args, "interpolation", "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", p=0.7)
    d.maybe(args, "antialias", True, False, p=0.3)
    d.maybe(args, "crop_to_aspect_ratio", True, False, p=0.2)
    return args, (args["height"], args["width"], shape[-1])


def flatten(d, shape):
    return {}, (math.prod(shape),)


def factors(d, count):
    """A random shape of so many elements."""
    shape = []
    for _ in range(d.randint(0, 2)):
        small = [k for k in (2, 3, 4, 5, 6, 8) if count % k == 0]
        if not small:
            break
        shape.append(d.choice(small))
        count //= shape[-1]
    shape.append(count)
    d.shuffle(shape)
    return tuple(shape)


def reshape(d, shape):
    out = factors(d, math.prod(shape))
    target = list(out)
    if d.chance(0.4):
        target[d.randrange(len(target))] = -1
    return {"target_shape": tuple(target)}, out


def permute(d, shape):
    dims = list(range(1, len(shape) + 1))
    d.shuffle(dims)
    return {"dims": tuple(dims)}, tuple(shape[k - 1] for k in dims)


def repeat_vector(d, shape):
    n = d.randint(1, 6)
    return {"n": n}, (n,) + shape


# ---- activations and dropout --------------------------------------------------------------------


def same(d, shape):
    return {}, shape


def activation_layer(d, shape):
    return {"activation": d.choice([a for a in ACTIVATIONS if a not in STEEP])}, shape


def relu_layer(d, shape):
    args = {}
    d.maybe(args, "max_value", 1.5, 6, p=0.4)
    d.maybe(args, "negative_slope", 0.1, 0.3, p=0.4)
    d.maybe(args, "threshold", 0.25, 0.5, p=0.3)
    return args, shape


def leaky_relu(d, shape):
    args = {}
    d.maybe(args, "negative_slope", 0.1, 0.5)
    return args, shape


def elu(d, shape):
    args = {}
    d.maybe(args, "alpha", 0.5, 2.0)
    return args, shape


def prelu(d, shape):
    args = {}
    if len(shape) > 1 and d.chance(0.5):
        args["shared_axes"] = list(range(1, len(shape))) if d.chance(0.7) else [d.randint(1, len(shape))]
    regularizer(d, args, "alpha_regularizer")
    return args, shape


def softmax(d, shape):
    return ({"axis": d.randint(1, len(shape))} if d.chance(0.4) else {}), shape


def dropout(d, shape):
    args = {"rate": d.choice((0.1, 0.25, 0.5))}
    if d.chance(0.2):
        args["noise_shape"] = (None,) + (1,) * len(shape)
    return args, shape


def spatial_dropout(d, shape):
    return {"rate": d.choice((0.2, 0.5))}, shape


# name -> (rule, ranks of a sample's shape, weight)
LAYERS = {
    "Conv1D": (conv, (2,), 3), "Conv2D": (conv, (3,), 8),
    "DepthwiseConv1D": (depthwise, (2,), 1), "DepthwiseConv2D": (depthwise, (3,), 2),
    "SeparableConv1D": (separable, (2,), 1), "SeparableConv2D": (separable, (3,), 1),
    "Conv1DTranspose": (transposed, (2,), 1), "Conv2DTranspose": (transposed, (3,), 2),
    "Dense": (dense, (1, 2, 3), 3),
    "BatchNormalization": (batch_normalization, (1, 2, 3), 3),
    "LayerNormalization": (layer_normalization, (1, 2, 3), 1),
    "GroupNormalization": (group_normalization, (2, 3), 1),
    "UnitNormalization": (unit_normalization, (1, 2, 3), 1),
    "RMSNormalization": (rms_normalization, (1, 2, 3), 1),
    "Normalization": (normalization, (1, 2, 3), 1), "Rescaling": (rescaling, (1, 2, 3), 1),
    "MaxPooling1D": (pooling, (2,), 1), "MaxPooling2D": (pooling, (3,), 2),
    "AveragePooling1D": (pooling, (2,), 1), "AveragePooling2D": (pooling, (3,), 2),
    "GlobalAveragePooling1D": (global_pooling, (2,), 1), "GlobalAveragePooling2D": (global_pooling, (3,), 1),
    "GlobalMaxPooling1D": (global_pooling, (2,), 1), "GlobalMaxPooling2D": (global_pooling, (3,), 1),
    "ZeroPadding1D": (zero_padding, (2,), 1), "ZeroPadding2D": (zero_padding, (3,), 1),
    "Cropping1D": (cropping, (2,), 1), "Cropping2D": (cropping, (3,), 1),
    "UpSampling1D": (up_sampling, (2,), 1), "UpSampling2D": (up_sampling, (3,), 1),
    "Resizing": (resizing, (3,), 1),
    "Flatten": (flatten, (1, 2, 3), 1), "Reshape": (reshape, (1, 2, 3), 1), "Permute": (permute, (2, 3), 1),
    "RepeatVector": (repeat_vector, (1,), 1),
    "Dropout": (dropout, (1, 2, 3), 1), "SpatialDropout1D": (spatial_dropout, (2,), 1),
    "SpatialDropout2D": (spatial_dropout, (3,), 1),
    "Activation": (activation_layer, (1, 2, 3), 3), "ReLU": (relu_layer, (1, 2, 3), 1),
    "LeakyReLU": (leaky_relu, (1, 2, 3), 1), "ELU": (elu, (1, 2, 3), 1), "PReLU": (prelu, (1, 2, 3), 1),
    "Softmax": (softmax, (1, 2, 3), 1), "Identity": (same, (1, 2, 3), 1),
}
NOT_FROZEN = ("SpatialDropout1D", "SpatialDropout2D")  # take no `trainable` in Keras
# Of two or three tensors of one shape, or of shapes that join; Concatenate's may differ along its axis.
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")


# ---- operations ---------------------------------------------------------------------------------


def reduction(d, shape):
    axes = some_axes(d, shape)
    args = {"axis": axes}
    kept = bool(d.maybe(args, "keepdims", True, False, p=0.4))
    gone = [axes] if isinstance(axes, int) else axes
    out = tuple(1 if i + 1 in gone else n for i, n in enumerate(shape) if kept or i + 1 not in gone)
    return args, out or None


def ops_softmax(d, shape):
    return {"axis": d.choice([-1] + list(range(1, len(shape) + 1)))}, shape


def alpha(d, shape):
    return {"alpha": d.choice((0.5, 1.0, 1.5))}, shape


def slope(d, shape):
    return {"slope": d.choice((0.1, 0.2, 0.4))}, shape


def gelu(d, shape):
    return {"approximate": d.chance(0.5)}, shape


def limits(d, shape):
    return {"low": d.number(-1, 0), "high": d.number(0.1, 1)}, shape


def constant(d, shape):
    return {"c": d.choice((0.5, -0.3, 1.5, 2))}, shape


def exponent(d, shape):
    return {"c": d.choice((2, 3, 0.5, 1.7, -1))}, shape


def ops_reshape(d, shape):
    out = factors(d, math.prod(shape))
    return {"shape": (-1,) + out}, out


def ops_transpose(d, shape):
    args, out = permute(d, shape)
    return {"axes": (0,) + args["dims"]}, out


def ops_squeeze(d, shape):
    ones = [i + 1 for i, n in enumerate(shape) if n == 1]
    if not ones or len(shape) == 1:
        return None
    axis = d.choice(ones)
    return {"axis": axis}, shape[:axis - 1] + shape[axis:]


def ops_expand(d, shape):
    axis = d.randint(1, len(shape) + 1)
    return {"axis": axis}, shape[:axis - 1] + (1,) + shape[axis - 1:]


def ops_pad(d, shape):
    sides = [(d.randint(0, 2), d.randint(0, 2)) for _ in shape]
    args = {"width": [[0, 0]] + [list(s) for s in sides], "value": d.choice((0, 0.0, 0.5, -2.5))}
    return args, tuple(n + sum(s) for n, s in zip(shape, sides))


def ops_pool(d, shape):
    args, out = pooling(d, shape)
    strides = args.get("strides", args.get("pool_size", 2))
    return {"size": args.get("pool_size", 2), "strides": strides, "padding": args.get("padding", "valid")}, out


def matmul_own(d, shape):
    """With its own transpose: [.., M, K] @ [.., K, M]."""
    axes = (0,) + tuple(range(1, len(shape) - 1)) + (len(shape), len(shape) - 1)
    return {"axes": axes}, shape[:-1] + shape[-2:-1]


def matmul_part(d, shape):
    """[.., M, K] @ [.., K, n], the second a part of the transpose."""
    args, _ = matmul_own(d, shape)
    n = d.randint(1, shape[-2])
    return {**args, "n": n}, shape[:-1] + (n,)


def slices(d, shape):
    text, out = [":"], []
    for n in shape:
        kind = d.randrange(5)
        if kind == 0 and len(shape) > 1 and len(text) - 1 - len(out) < len(shape) - 1:
            text.append(str(d.randrange(-n, n)))
            continue
        chosen = d.choice((":", "::2", "::-1", "1:", ":-1", "-2:", "1::3")) if kind > 1 else ":"
        size = len(eval("list(range(n))[%s]" % chosen))
        if not size:
            chosen, size = ":", n
        text.append(chosen)
        out.append(size)
    return ({"slices": Text(", ".join(text))}, tuple(out)) if out else None


def split_channel(d, shape):
    return {"c": d.randrange(shape[-1])}, shape


ANY = (1, 2, 3)
# name in `lathe layers` -> (expression, rule, ranks)
OPERATIONS = {
    **{"ops.%s" % n: ("ops.%s({0})" % n, same, ANY) for n in (
        "relu", "relu6", "sigmoid", "tanh", "silu", "swish", "hard_sigmoid", "hard_silu", "hard_swish", "selu",
        "softplus", "softsign", "square", "absolute", "abs", "negative", "sin", "cos", "erf", "sign",
        "floor", "ceil", "round")},
    "ops.exp": ("ops.exp(ops.tanh({0}))", same, ANY),
    "ops.log": ("ops.log(ops.absolute({0}) + 0.5)", same, ANY),
    "ops.sqrt": ("ops.sqrt(ops.square({0}) + 0.1)", same, ANY),
    "ops.reciprocal": ("ops.reciprocal(ops.absolute({0}) + 0.5)", same, ANY),
    "ops.rsqrt": ("ops.rsqrt(ops.square({0}) + 0.3)", same, ANY),
    "ops.elu": ("ops.elu({0}, {alpha})", alpha, ANY), "ops.celu": ("ops.celu({0}, {alpha})", alpha, ANY),
    "ops.leaky_relu": ("ops.leaky_relu({0}, {slope})", slope, ANY),
    "ops.gelu": ("ops.gelu({0}, approximate={approximate})", gelu, ANY),
    "ops.softmax": ("ops.softmax({0}, axis={axis})", ops_softmax, ANY),
    "ops.log_softmax": ("ops.log_softmax({0}, axis={axis})", ops_softmax, ANY),
    "ops.clip": ("ops.clip({0}, {low}, {high})", limits, ANY),
    "ops.add": ("ops.add({c}, {0})", constant, ANY), "ops.subtract": ("ops.subtract({c}, {0})", constant, ANY),
    "ops.multiply": ("ops.multiply({0}, {c})", constant, ANY),
    "ops.divide": ("ops.divide({0}, ops.absolute({0}) + 1.0)", same, ANY),
    "ops.true_divide": ("ops.true_divide({c}, ops.square({0}) + 0.5)", constant, ANY),
    "ops.power": ("ops.power(ops.absolute({0}) + 0.5, {c})", exponent, ANY),
    "ops.maximum": ("ops.maximum({0}, {c})", constant, ANY), "ops.minimum": ("ops.minimum({0}, {c})", constant, ANY),
    "ops.mod": ("ops.mod({0}, {c})", constant, ANY),
    "ops.equal": ("ops.where(ops.equal(ops.floor({0}), 0), {0}, {c})", constant, ANY),
    "ops.less": ("ops.where(ops.less({0}, {c}), {0} * 2, {0})", constant, ANY),
    "ops.less_equal": ("ops.where(ops.less_equal({0}, {c}), 1.5, {0})", constant, ANY),
    "ops.greater": ("ops.where(ops.greater({0}, {c}), {0}, -{0})", constant, ANY),
    "ops.greater_equal": ("ops.where(ops.greater_equal({0}, 0.1), {0}, {c})", constant, ANY),
    "ops.where": ("ops.where({0} > {c}, ops.tanh({0}), 0.25)", constant, ANY),
    **{"ops.%s" % n: ("ops.%s({0}, **{args})" % n, reduction, ANY) for n in ("mean", "sum", "max", "amax", "min", "amin")},
    "ops.prod": ("ops.prod(ops.tanh({0}), **{args})", reduction, ANY),
    "ops.reshape": ("ops.reshape({0}, {shape})", ops_reshape, ANY),
    "ops.transpose": ("ops.transpose({0}, {axes})", ops_transpose, (2, 3)),
    "ops.squeeze": ("ops.squeeze({0}, {axis})", ops_squeeze, (2, 3)),
    "ops.expand_dims": ("ops.expand_dims({0}, {axis})", ops_expand, (1, 2)),
    "ops.pad": ("ops.pad({0}, {width}, constant_values={value})", ops_pad, ANY),
    "ops.concatenate": ("ops.concatenate([{0}, ops.tanh({0})], axis={axis})", None, ANY),
    "ops.matmul": ("ops.matmul({0}, ops.transpose({0}, {axes}))", matmul_own, (2, 3)),
    "@": ("{0} @ ops.transpose({0}, {axes})[..., :{n}]", matmul_part, (2, 3)),
    "ops.average_pool": ("ops.average_pool({0}, {size}, strides={strides}, padding={padding})", ops_pool, (3,)),
    "ops.max_pool": ("ops.max_pool({0}, {size}, strides={strides}, padding={padding})", ops_pool, (3,)),
    "[:]": ("{0}[{slices}]", slices, ANY),
    "+": ("{0} + {c}", constant, ANY), "-": ("{c} - {0}", constant, ANY), "*": ("{c} * {0}", constant, ANY),
    "/": ("{c} / ({0} * {0} + 0.5)", constant, ANY), "**": ("(abs({0}) + 0.5) ** {c}", exponent, ANY),
    "%": ("{0} % {c}", constant, ANY), "2**": ("2 ** ops.tanh({0})", same, ANY),
    "channel": ("{0} * {0}[..., {c}:{c} + 1]", split_channel, ANY),
    **{"activations.%s" % n: ("keras.activations.%s({0})" % n, same, ANY) for n in ACTIVATIONS
       if n not in STEEP + NOT_CALLED},
    "activations.exponential": ("keras.activations.exponential(ops.tanh({0}))", same, ANY),
}


def ops_concatenate(d, shape):
    axis = d.randrange(len(shape))
    return {"axis": axis + 1}, shape[:axis] + (2 * shape[axis],) + shape[axis + 1:]


OPERATIONS["ops.concatenate"] = OPERATIONS["ops.concatenate"][:1] + (ops_concatenate, ANY)


# ---- a network ----------------------------------------------------------------------------------


class Drawing:
    def __init__(self, seed):
        self.d = Dice(seed)
        self.net = Network(seed=seed, kernels=self.d.randrange(1000))
        self.loose = []  # calls that nothing uses yet

    def shape(self, i):
        return self.net.calls[i].shape

    def put(self, text, args, inputs, shape, shares=None):
        self.net.calls.append(Call(text, args, list(inputs), shares, tuple(shape)))
        self.loose = [i for i in self.loose if i not in inputs] + [len(self.net.calls) - 1]
        return len(self.net.calls) - 1

    def fits(self, shape):
        return shape is not None and 0 < len(shape) <= 4 and min(shape) > 0 and largest_is(shape)

    # -- what a step adds; each is False where it does not fit ------------------------------------

    def layer(self, name, i):
        rule, ranks, _ = LAYERS[name]
        if len(self.shape(i)) not in ranks:
            return False
        args, shape = rule(self.d, self.shape(i))
        if not self.fits(shape):
            return False
        if self.d.chance(0.08) and name not in NOT_FROZEN:
            args["trainable"] = False
        self.put(name, args, [i], shape)
        return True

    def operation(self, name, i):
        text, rule, ranks = OPERATIONS[name]
        made = rule(self.d, self.shape(i)) if len(self.shape(i)) in ranks else None
        if not made or not self.fits(made[1]) or (name == "ops.prod" and self.trained(i)):
            return False
        args, shape = made
        if "**{args}" in text:
            text = text.replace("**{args}", ", ".join("%s={%s}" % (n, n) for n in args))
        self.put(text, args, [i], shape)
        return True

    def trained(self, i):
        """Whether a gradient may come back through call i; ops.prod has none."""
        call = self.net.calls[i]
        return call.text in LAYERS or any(map(self.trained, call.inputs))

    def merge(self, name):
        """With a tensor of the same shape, made where there is none, or with one that repeats."""
        d = self.d
        i = d.choice(self.loose)
        shape = self.shape(i)
        if name == "Concatenate":
            axis = d.randrange(len(shape))
            others = [k for k in range(len(self.net.calls)) if len(self.shape(k)) == len(shape) and all(
                a == b for n, (a, b) in enumerate(zip(self.shape(k), shape)) if n != axis)]
            parts = [i] + [d.choice(others) for _ in range(d.randint(1, 2))]
            out = list(shape)
            out[axis] = sum(self.shape(k)[axis] for k in parts)
            if not self.fits(tuple(out)):
                return False
            self.put(name, {} if axis == len(shape) - 1 and d.chance(0.5) else {"axis": axis + 1}, parts, out)
            return True
        others = [k for k in range(len(self.net.calls)) if self.shape(k) == shape and k != i]
        if not others or d.chance(0.3):
            others = [self.beside(i)]
        count = 1 if name == "Subtract" else d.randint(1, 2)
        parts = [i] + [d.choice(others) for _ in range(count)]
        d.shuffle(parts)
        self.put(name, {}, parts, shape)
        if name == "Add" and d.chance(0.5):
            self.put("Activation", {"activation": d.choice(COMMON)}, [len(self.net.calls) - 1], shape)
        return True

    def beside(self, i):
        """A new tensor of i's shape, or one that repeats to it, from a call before i where one allows it."""
        d, shape = self.d, self.shape(i)
        before = [k for k in range(i + 1) if len(self.shape(k)) == len(shape) == 3 and
                  self.shape(k)[:2] == shape[:2]]
        if before:
            k = d.choice(before)
            if d.chance(0.2):
                return self.put("GlobalAveragePooling2D", {"keepdims": True}, [i], (1, 1, shape[2]))
            args = {"filters": 1 if d.chance(0.1) else shape[2], "kernel_size": d.choice((1, 3, 3)), "padding": "same"}
            return self.put("Conv2D", args, [k], shape[:2] + (args["filters"],))
        return self.put("Dense", {"units": shape[-1]}, [i], shape)

    def share(self):
        """A layer that is already there on a tensor of the same shape."""
        calls = self.net.calls
        owners = [k for k, c in enumerate(calls) if c.is_layer and c.text in LAYERS and c.shares is None and
                  "Dropout" not in c.text]
        self.d.shuffle(owners)
        for k in owners:
            same_shape = [i for i in range(len(calls)) if self.shape(i) == self.shape(calls[k].inputs[0]) and
                          i != calls[k].inputs[0] and i != k]
            if same_shape:
                i = self.d.choice(same_shape)
                self.put(calls[k].text, {}, [i], calls[k].shape, shares=k)
                return True
        return False

    def motif(self):
        """What passes fuse and kernels have variants of: a convolution over whole panels, then bias,
        activation, a sum, a pooling; or a depthwise convolution between others."""
        d = self.d
        images = [i for i in self.loose if len(self.shape(i)) == 3 and min(self.shape(i)[:2]) > 2]
        if not images:
            return False
        i = d.choice(images)
        h, w, c = self.shape(i)
        if c % 16 and d.chance(0.9) and h * w * 16 <= LARGEST:
            i = self.put("Conv2D", {"filters": 16, "kernel_size": d.choice((1, (2, 1), (1, 2))), "activation": "relu"},
                         [i], self.shape(i)[:2] + (16,))
            k = self.net.calls[i].args["kernel_size"]
            h, w = [n - e + 1 for n, e in zip((h, w), both(k, 2))]
            self.net.calls[i].shape = (h, w, 16)
        if d.chance(0.2):
            return self.chain(i)
        r = 5 if self.net.seed % 8 == 3 else 3  # by the seed, so that the other networks stay what they were
        args = {"filters": d.choice((9, 16, 16, 32)), "kernel_size": r}
        d.maybe(args, "padding", "same", p=0.8)
        d.maybe(args, "use_bias", False, p=0.5)
        kind = d.choice(("plain", "activation", "addend", "addend", "pooling"))
        if kind in ("activation", "pooling") and d.chance(0.9):
            args["activation"] = d.choice(COMMON + ("silu",))
        h, w = (h, w) if "padding" in args else (h - r + 1, w - r + 1)
        shape = (h, w, args["filters"])
        if min(shape) < 1 or not largest_is(shape):
            return False
        y = self.put("Conv2D", args, [i], shape)
        if kind == "addend":
            y = self.put("Add", {}, d.sample([y, self.beside(y)], 2), shape)
            if d.chance(0.7):
                self.put("Activation", {"activation": d.choice(COMMON)}, [y], shape)
        elif kind == "pooling" and min(h, w) > 1:
            self.put(d.choice(("MaxPooling2D", "AveragePooling2D")), {"pool_size": 2}, [y], (h // 2, w // 2, shape[2]))
        return True

    def chain(self, i):
        d = self.d
        h, w, _ = self.shape(i)
        c = d.choice((8, 16, 24))
        if not largest_is((h, w, c)):
            return False
        i = self.put("Conv2D", {"filters": c, "kernel_size": 1, "activation": "relu"}, [i], (h, w, c))
        i = self.put("DepthwiseConv2D", {"kernel_size": 3, "padding": "same", "activation": d.choice(COMMON)}, [i],
                     (h, w, c))
        self.put("Conv2D", {"filters": 9, "kernel_size": 1}, [i], (h, w, 9))
        return True

    # -- the whole ---------------------------------------------------------------------------------

    def add_input(self):
        d = self.d
        kind = d.choices(("image", "sequence", "vector"), (6, 2, 2))[0]
        if kind == "image":
            shape = (d.randint(3, 12), d.randint(3, 12), d.choice((1, 2, 3, 3, 4, 16)))
            if d.chance(0.1):
                shape = (d.randint(3, 6), d.randint(17, 40), 1)
        else:
            shape = (d.randint(2, 14), d.randint(1, 9)) if kind == "sequence" else (d.randint(1, 24),)
        if largest_is(shape):
            self.put("Input", {"shape": shape}, [], shape)

    def step(self):
        d = self.d
        kind = d.choices(("layer", "operation", "merge", "share", "motif"), (10, 5, 2, 0.7, 5))[0]
        if kind == "merge":
            return self.merge(d.choice(MERGES))
        if kind == "share":
            return self.share()
        if kind == "motif":
            return self.motif()
        i = d.choice(self.loose if d.chance(0.9) else range(len(self.net.calls)))
        if kind == "layer":
            return self.layer(d.choices(list(LAYERS), [w for _, _, w in LAYERS.values()])[0], i)
        return self.operation(d.choice(list(OPERATIONS)), i)

    def finish(self):
        """Every loose tensor becomes an output, or part of one."""
        d = self.d
        while len(self.loose) > 3:
            parts = self.loose[:3]
            self.put("Concatenate", {}, [i if len(self.shape(i)) == 1 else self.put("Flatten", {}, [i], (math.prod(
                self.shape(i)),)) for i in parts], (sum(math.prod(self.shape(i)) for i in parts),))
        for i in list(self.loose):
            self.net.outputs.append(self.output(i, last=len(self.net.outputs) == len(self.loose) - 1))
        if d.chance(0.1):
            self.net.outputs.append(Output(d.randrange(len(self.net.calls))))  # one without a loss
        self.net.outputs = self.distinct(self.net.outputs)

    def distinct(self, outputs):
        seen, kept = set(), []
        for o in outputs:
            if o.call not in seen and self.net.calls[o.call].text != "Input":
                seen.add(o.call)
                kept.append(o)
        return kept

    def output(self, i, last):
        d = self.d
        trained = any(o.loss for o in self.net.outputs)
        if not (last and not trained) and d.chance(0.1):
            return Output(i)
        kind = d.choice(("sparse", "categorical", "binary", "mse", "mse"))
        if kind == "mse" and d.chance(0.4) and self.net.calls[i].text != "Input":
            return Output(i, d.choice(("'mse'", "keras.losses.MeanSquaredError()")), self.weight())
        if len(self.shape(i)) > 1:
            i = self.put("Flatten", {}, [i], (math.prod(self.shape(i)),))
        logits = kind != "mse" and d.chance(0.4)
        units = d.randint(2, 7) if kind in ("sparse", "categorical") else d.randint(1, 4)
        args = {"units": units}
        if kind != "mse" and not logits:
            args["activation"] = "sigmoid" if kind == "binary" else "softmax"
        i = self.put("Dense", args, [i], (units,))
        name = {"sparse": "SparseCategoricalCrossentropy", "categorical": "CategoricalCrossentropy",
                "binary": "BinaryCrossentropy", "mse": "MeanSquaredError"}[kind]
        short = {"sparse": "sparse_categorical_crossentropy", "categorical": "categorical_crossentropy",
                 "binary": "binary_crossentropy", "mse": "mse"}[kind]
        text = "keras.losses.%s(from_logits=True)" % name if logits else \
            d.choice(("%r" % short, "keras.losses.%s()" % name))
        # "accuracy" of several numbers between 0 and 1 is Keras's categorical accuracy.
        metric = "binary_accuracy" if kind == "binary" and units > 1 else "accuracy"
        metric = metric if kind != "mse" and d.chance(0.5) else None
        return Output(i, text, self.weight(), metric)

    def weight(self):
        return self.d.choice((0.5, 2.0, 0.25)) if self.d.chance(0.3) else None

    def train(self):
        d, net = self.d, self.net
        net.optimizer = d.choice(("SGD", "SGD", "Adam", "AdamW", "RMSprop"))
        args = {"learning_rate": d.choice((0.1, 0.05, 0.01, 0.002))}
        if net.optimizer == "SGD":
            if d.maybe(args, "momentum", 0.9, 0.5):
                d.maybe(args, "nesterov", True, p=0.4)
        elif net.optimizer == "RMSprop":
            d.maybe(args, "rho", 0.8, p=0.4)
            d.maybe(args, "momentum", 0.7, p=0.5)
            d.maybe(args, "centered", True, p=0.4)
        else:
            d.maybe(args, "beta_1", 0.8, p=0.3)
            d.maybe(args, "beta_2", 0.99, p=0.3)
            d.maybe(args, "amsgrad", True, p=0.3)
        if net.optimizer != "SGD":
            args["epsilon"] = d.choice((1e-3, 1e-2))
        d.maybe(args, "weight_decay", 0.01, 0.05, p=0.25)
        if d.chance(0.3):
            args[d.choice(("clipnorm", "clipvalue", "global_clipnorm"))] = d.choice((0.01, 0.1, 1.0))
        d.maybe(args, "gradient_accumulation_steps", 2, 3, p=0.12)
        net.optimizer_args = args
        net.batch = d.choice((1, 2, 3, 4, 5, 7, 9))
        net.short = d.randrange(net.batch)
        net.weighted = d.chance(0.2)


def draw(seed):
    drawing = Drawing(seed)
    d = drawing.d
    while not drawing.net.calls:
        drawing.add_input()
    while d.chance(0.2):
        drawing.add_input()
    wanted, tries = d.randint(3, 9), 0
    while wanted and tries < 200:
        wanted -= bool(drawing.step())
        tries += 1
    drawing.finish()
    drawing.train()
    return drawing.net.without_unused()
