#!/usr/bin/env python3
"""The built-in networks against Keras, layer by layer:

    zoo.py [--inputs N] [--kernels SEED] [--json] [NAME...]

Each network of keras.applications gets weights that are not trivial: kernels are drawn and scaled so
that activations keep unit deviation, gamma, beta and statistics of the normalisations are drawn, and
the logits differ between inputs. lathe compiles the network with --exact, runs it over the inputs
(default: 8), and every result that it keeps is compared with the output of Keras's layer of that name,
once as Keras has it in float32, once in double precision. The error of a layer is max |difference| /
max |value|; the table shows the largest: of lathe, and of Keras's own float32, against double precision,
and of the difference between the two. The status is 1 where lathe's error or the difference is above
1e-5 (the difference may be larger where Keras's own error is above 5e-6), where code that shares buffers
gives other bits than code that does not, or where all inputs have one output. With --kernels each layer gets
one of the kernels that are legal for it, by SEED, Winograd's among them: the limit is then 1e-3; six
successive seeds give each layer all of them.

LATHE names the command, CC the C compiler, ORACLE_FOLDER where files are made.
"""
import argparse
import concurrent.futures
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
import zlib

import keras_quick  # before JAX and Keras

import jax
import keras
import numpy as np
import safetensors.numpy

import keras_double
import keras_zoo
import lathe_abi

jax.config.update("jax_default_matmul_precision", "highest")

TOLERANCE = 1e-5
WINOGRAD_TOLERANCE = 1e-3
BATCH = 2  # inputs in one call
NORMALIZATIONS = (keras.layers.BatchNormalization, keras.layers.LayerNormalization)


# ---- running Keras layer by layer ------------------------------------------------------------------

def run(model, x, visit):
    """Calls the model's layers one by one; visit(layer, arguments) gives each one's output. Outputs that
    nobody reads any more are dropped."""
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            x = run(layer, x, visit) if isinstance(layer, keras.Sequential) else visit(layer, (x,))
        return x
    nodes = [n for depth in sorted(model._nodes_by_depth, reverse=True)
             for n in model._nodes_by_depth[depth] if not n.is_input]
    readers = {}
    for node in nodes:
        for tensor in node.input_tensors:
            readers[id(tensor)] = readers.get(id(tensor), 0) + 1
    values = {id(model.inputs[0]): x}
    for node in nodes:
        args, kwargs = node.arguments.fill_in(values)
        layer = node.operation
        if isinstance(layer, keras.Sequential):
            y = run(layer, args[0], visit)
        else:
            y = visit(layer, args, kwargs)
        values[id(node.output_tensors[0])] = y
        for tensor in node.input_tensors:
            readers[id(tensor)] -= 1
            if readers[id(tensor)] == 0:
                del values[id(tensor)]
    return y


def own(layer, args, kwargs):
    return layer(*args, **kwargs)


def call(layer, args, kwargs=None, by=own):
    kwargs = kwargs or {}
    if isinstance(layer, keras.Layer) and layer._call_has_training_arg:
        kwargs = {**kwargs, "training": False}
    return by(layer, args, kwargs)


# ---- weights ---------------------------------------------------------------------------------------

class Drawing:
    """Draws the weights of each layer when it is called first, by what comes in."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def normal(self, shape, deviation=1.0):
        return self.random.standard_normal(shape, dtype=np.float32) * np.float32(deviation)

    def near_one(self, shape):
        return self.random.uniform(0.5, 1.5, shape).astype(np.float32)

    def __call__(self, layer, args, kwargs=None):
        if isinstance(layer, NORMALIZATIONS):
            self.normalization(layer, np.asarray(args[0]))
        elif isinstance(layer, keras.layers.Normalization) and layer.weights:
            x = np.asarray(args[0]).reshape(-1, 3)
            layer.adapt_mean.assign(x.mean(0) + self.normal(3, x.std() / 10))
            layer.adapt_variance.assign(x.var(0) * self.near_one(3))
            layer.finalize_state()
        elif type(layer).__name__ == "LayerScale":
            layer.gamma.assign(self.near_one(layer.gamma.shape))
        elif isinstance(layer, keras.Layer) and layer.weights:
            self.product(layer, args)
        return call(layer, args, kwargs)

    def normalization(self, layer, x):
        """Statistics about zero and of one size for all channels: subtracting the channels' own means,
        which are large behind a ReLU, or raising quiet channels would magnify rounding errors from
        layer to layer."""
        size = np.sqrt(np.square(x, dtype=np.float64).mean())
        for weight in layer.weights:
            kind, shape = weight.name, weight.shape
            if kind == "gamma":
                value = self.near_one(shape)
            elif kind == "beta":
                value = self.normal(shape, 0.1)
            elif kind == "moving_mean":
                value = self.normal(shape, 0.1) * size
            else:
                value = self.near_one(shape) * size**2
            weight.assign(value)

    def product(self, layer, args):
        """A convolution or a dense layer: what it gives its activation has unit deviation."""
        kernels = [w for w in layer.weights if w.name != "bias"]
        for kernel in kernels:
            # A sum over pixels of one channel must not cancel out: they are almost equal.
            single = (kernel.name == "depthwise_kernel" or getattr(layer, "groups", 1) > 2
                      or isinstance(layer, keras.layers.DepthwiseConv2D))
            kernel.assign(self.normal(kernel.shape) + (1 if single else 0))
        if layer.use_bias:
            layer.bias.assign(np.zeros(layer.bias.shape, np.float32))
        activation, layer.activation = layer.activation, keras.activations.linear
        y = np.asarray(call(layer, args), np.float64)
        layer.activation = activation
        # Squeeze-and-excitation multiplies by functions of a channel's mean: strong ones would make a
        # small difference grow from block to block. Softmax turns a logit's difference, which grows
        # with the logits, into a relative one.
        gate = y.ndim == 4 and y.shape[1] * y.shape[2] == 1
        logits = y.shape[-1] == 1000
        size = 0.25 if gate or logits else 1
        kernels[-1].assign(np.asarray(kernels[-1]) * np.float32(size / y.std()))
        if layer.use_bias:
            layer.bias.assign(self.normal(layer.bias.shape, 0.1))


def tensors(model):
    """The weights by lathe's names."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Sequential):
            found.update(tensors(layer))
        else:
            for w in layer.weights:
                kind = "gamma" if type(layer).__name__ == "LayerScale" else w.name
                found["%s/%s" % (layer.name, kind)] = np.array(w.numpy(), np.float32)
    return found


def pictures(shape, count, seed):
    """Pictures that differ in colour, in large shapes and in detail; values of about unit deviation."""
    random = np.random.default_rng(seed)
    height, width, channels = shape
    coarse = random.normal(0, 1, (count, 8, 8, channels))
    x = coarse.repeat(-(-height // 8), 1).repeat(-(-width // 8), 2)[:, :height, :width]
    return x + random.normal(0, 0.5, (count, 1, 1, channels)) + random.normal(0, 0.3, x.shape)


def images(model, count, seed):
    """Inputs of the model: pixels of 0 to 255 if its first layers scale them."""
    x = pictures(model.input_shape[1:], count, seed)
    pixels = any(isinstance(o, (keras.layers.Rescaling, keras.layers.Normalization))
                 for o in model.operations)
    return (np.clip(128 + 50 * x, 0, 255) if pixels else x).astype(np.float32)


# ---- lathe -----------------------------------------------------------------------------------------

def last_values(name):
    """The value that each layer's call ends in: its nodes are called LAYER or LAYER/ROLE."""
    text = lathe_abi.lathe("inspect", name, "forward")
    return {value.split("/")[0]: value for value in re.findall(r"^ +%(\S+)[^=\n]* = ", text, re.M)}


class Kept:
    """Code that keeps the result of every layer."""

    def __init__(self, name, folder, *options):
        library = lathe_abi.build(name, folder, "--layers", *options)
        self.predictor = lathe_abi.Predictor(library)
        self.places, values = {}, last_values(name)
        with open(library[:-3] + ".layers") as f:
            for line in f:
                *place, value = line.rstrip("\n").split(" ", 7)
                at, *place = map(int, place)
                layer = value.split("/")[0]
                if at >= 0 and values.get(layer) == value:
                    self.places[layer] = at, *place

    def predict(self, x):
        return self.predictor.predict(x)

    def result(self, layer, n):
        """The layer's result for the n samples of the last call: samples, lines, rows, channels."""
        at, sample, lines, line, rows, row, channels = self.places[layer]
        floats = self.predictor.workspace.view(np.float32)[at:]
        assert (n - 1) * sample + (lines - 1) * line + (rows - 1) * row + channels <= floats.size
        return np.lib.stride_tricks.as_strided(floats, (n, lines, rows, channels),
                                               (4 * sample, 4 * line, 4 * row, 4))


class Errors:
    """The largest difference and the largest value of each layer, over all inputs."""

    def __init__(self):
        self.difference, self.largest = {}, {}

    def add(self, name, got, want):
        got, want = np.asarray(got).reshape(-1), np.asarray(want, np.float64).reshape(-1)
        difference = np.abs(got - want).max() if np.isfinite(got).all() else np.inf
        self.difference[name] = max(self.difference.get(name, 0), float(difference))
        self.largest[name] = max(self.largest.get(name, 0), float(np.abs(want).max()))

    def worst(self):
        relative = {n: d / self.largest[n] if self.largest[n] else d for n, d in self.difference.items()}
        name = max(relative, key=relative.get)
        return name, relative[name]


def check(name, count, folder, kernels):
    """One row of the table. `kernels`: the seed by which they are drawn; None: --exact."""
    start = time.time()
    seed = zlib.crc32(name.encode())
    model = keras_zoo.application(name)
    x = images(model, count, seed)
    run(model, x, Drawing(seed))
    double = keras_double.model(name, model)
    weights = os.path.join(folder, name + ".safetensors")
    safetensors.numpy.save_file(tensors(model), weights)
    choice = ("--exact",) if kernels is None else ("--kernels", "random:%d" % kernels)
    options = (*choice, "--weights", weights)
    plain = lathe_abi.Predictor(lathe_abi.build(name, os.path.join(folder, name), *options))
    kept = Kept(name, os.path.join(folder, name + ".kept"), "--batch", str(BATCH), *options)
    ours, difference, keras_own = Errors(), Errors(), Errors()
    same, layers, outputs = True, set(), []
    for i in range(0, count, BATCH):
        part = x[i:i + BATCH]
        y = kept.predict(part)
        outputs.append(y)
        same = same and np.array_equal(y, plain.predict(part))
        singles = {}

        def single(layer, args, kwargs=None):
            value = call(layer, args, kwargs)
            layers.add(layer.name)
            if layer.name in kept.places:
                singles[layer.name] = np.asarray(value)
            return value

        def compare(name, got, want):
            ours.add(name, got, want)
            difference.add(name, got, singles[name])
            keras_own.add(name, singles[name], want)

        def reference(layer, args, kwargs=None):
            want = call(layer, args, kwargs, keras_double.call)
            if layer.name in kept.places:
                compare(layer.name, kept.result(layer.name, len(part)), want)
                del singles[layer.name]
            return want

        last = run(model, part, single)
        want = run(double, part.astype(np.float64), reference)
        singles["output"] = np.asarray(last)
        compare("output", y, want)
    layer, error = ours.worst()
    outputs = np.concatenate(outputs)
    return {"name": name, "parameters": model.count_params(), "multiply_adds": lathe_abi.multiply_adds(name),
            "workspace_bytes": plain.table.workspace_bytes, "layers": len(layers),
            "tolerance": TOLERANCE if kernels is None else WINOGRAD_TOLERANCE,
            "compared": len(ours.difference), "error": error, "worst_layer": layer,
            "difference": difference.worst()[1], "keras_error": keras_own.worst()[1],
            "same_bits": bool(same), "deviation": float(outputs.std(0).max() / outputs.max()),
            "seconds": round(time.time() - start, 1)}


# ---- the table -------------------------------------------------------------------------------------

def print_markdown_head():
    print("| network | parameters | multiply-adds | workspace, bytes | layers compared | lathe's error "
          "| Keras's error | difference |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")


def print_markdown(row):
    print("| {name} | {parameters:,} | {multiply_adds:,} | {workspace_bytes:,} | {compared} of {layers} "
          "| {error:.1e} | {keras_error:.1e} | {difference:.1e} |".format(**row), flush=True)


def agrees(row):
    """The outputs must differ between the inputs, or equality would say little."""
    near = row["difference"] <= row["tolerance"] or row["keras_error"] > TOLERANCE / 2
    return row["error"] <= row["tolerance"] and near and row["same_bits"] and row["deviation"] > 0.01


def check_apart(*arguments):
    """check() in a process of its own: Keras and JAX give little back, and all networks would take 14 GB."""
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(check, *arguments).result()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=8)
    parser.add_argument("--kernels", type=int, metavar="SEED")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    rows, wrong = [], []
    if not options.json:
        print_markdown_head()
    with tempfile.TemporaryDirectory(dir=os.environ.get("ORACLE_FOLDER")) as folder:
        os.environ.setdefault("LATHE_COMPILED", folder)
        for name in options.names or keras_zoo.members():
            row = check_apart(name, options.inputs, folder, options.kernels)
            rows.append(row)
            if not options.json:
                print_markdown(row)
            if not agrees(row):
                wrong.append(row)
    if options.json:
        print(json.dumps(rows, indent=2))
    for row in wrong:
        print("{name}: error {error:.3g} at {worst_layer}, difference {difference:.3g}, same bits: "
              "{same_bits}, outputs differ by {deviation:.2g}".format(**row), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
