"""A cleaned graph (peers_graph.py) run by TensorFlow's operations: in double precision, the reference of
every system's error, and in float as the file that LiteRT takes."""
import numpy as np
import tensorflow as tf


class Evaluation:
    """One run of the graph; images are N,H,W,C here. `flat` are flattened images, whose elements are in
    the order of H,W,C, with those sizes."""

    def __init__(self, g, dtype, native_lrn=False):
        self.g, self.dtype, self.native_lrn, self.values, self.flat = g, dtype, native_lrn, {}, {}

    def run(self, x):
        self.values[self.g.input] = x
        for node in self.g.nodes:
            self.values[node.outputs[0]] = getattr(self, node.op.lower())(node, *map(self.value, node.inputs))
        return self.values[self.g.output]

    def value(self, name):
        if name in self.values or not name:
            return self.values.get(name)
        value = self.g.constants[name]
        return value.astype(self.dtype) if value.dtype == np.float32 else value

    # ---- windows

    def padded(self, node, x, value=0):
        """The images with their padding, unless it is what TensorFlow calls SAME; and its name for it."""
        top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
        if not (top or left or bottom or right):
            return x, "VALID"
        same = True
        kernel = node.attrs["kernel_shape"]
        for size, k, s, before, after in zip(x.shape[1:3], kernel, node.attrs["strides"], (top, left),
                                             (bottom, right)):
            missing = max((-(-size // s) - 1) * s + k - size, 0)
            same = same and (before, after) == (missing // 2, missing - missing // 2)
        if same:
            return x, "SAME"
        return tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]], constant_values=value), "VALID"

    def conv(self, node, x, kernel, bias=None):
        x, padding = self.padded(node, x)
        kernel = kernel.transpose(2, 3, 1, 0)
        groups, stride = node.attrs.get("group", 1), node.attrs["strides"]
        if groups == x.shape[3] > 1:
            h, w, _, out = kernel.shape
            y = tf.nn.depthwise_conv2d(x, kernel.reshape(h, w, groups, out // groups), [1, *stride, 1], padding)
        else:
            parts = zip(tf.split(x, groups, 3), np.split(kernel, groups, 3))
            y = [tf.nn.conv2d(a, b, stride, padding) for a, b in parts]
            y = y[0] if groups == 1 else tf.concat(y, 3)
        return y if bias is None else tf.nn.bias_add(y, bias)

    def maxpool(self, node, x):
        maker = self.g.maker(node.inputs[0])
        least = 0 if maker is not None and maker.op == "Relu" else tf.as_dtype(self.dtype).min
        x, padding = self.padded(node, x, least)
        return tf.nn.max_pool2d(x, node.attrs["kernel_shape"], node.attrs["strides"], padding)

    def averagepool(self, node, x):
        x, padding = self.padded(node, x)
        if padding != "SAME" and any(node.attrs.get("pads", [0])) or node.attrs.get("count_include_pad"):
            raise NotImplementedError("AveragePool with this padding")
        return tf.nn.avg_pool2d(x, node.attrs["kernel_shape"], node.attrs["strides"], padding)

    def globalaveragepool(self, node, x):
        return tf.reduce_mean(x, [1, 2], keepdims=True)

    # ---- flattening and dense layers

    def flatten(self, node, x, *_):
        if len(x.shape) == 4:
            self.flat[node.outputs[0]] = tuple(x.shape[1:])
        return tf.reshape(x, [x.shape[0], -1])

    reshape = flatten

    def gemm(self, node, x, weights, bias=None):
        if node.attrs.get("transB"):
            weights = weights.T
        if node.inputs[0] in self.flat:
            h, w, c = self.flat[node.inputs[0]]
            weights = weights.reshape(c, h, w, -1).transpose(1, 2, 0, 3).reshape(h * w * c, -1)
        y = tf.matmul(x, weights)
        return y if bias is None else tf.nn.bias_add(y, bias)

    matmul = gemm

    # ---- between images

    def batchnormalization(self, node, x, gamma, beta, mean, variance):
        scale = gamma / np.sqrt(variance + node.attrs.get("epsilon", 1e-5))
        return x * scale + (beta - mean * scale)

    def lrn(self, node, x):
        a, half = node.attrs, node.attrs["size"] // 2
        if self.native_lrn:
            return tf.nn.local_response_normalization(x, half, a["bias"], a["alpha"] / a["size"], a["beta"])
        squares = tf.pad(x * x, [[0, 0], [0, 0], [0, 0], [half, half]])
        total = sum(squares[..., i:i + x.shape[3]] for i in range(a["size"]))
        return x / (a["bias"] + a["alpha"] / a["size"] * total) ** a["beta"]

    def concat(self, node, *x):
        return tf.concat(x, 3 if len(x[0].shape) == 4 else node.attrs["axis"])

    def clip(self, node, x, low=None, high=None):
        if low == 0 and high == 6:
            return tf.nn.relu6(x)
        return tf.clip_by_value(x, x.dtype.min if low is None else low, x.dtype.max if high is None else high)

    def add(self, node, a, b):
        return a + b

    def relu(self, node, x):
        return tf.nn.relu(x)

    def tanh(self, node, x):
        return tf.tanh(x)

    def sigmoid(self, node, x):
        return tf.sigmoid(x)

    def softmax(self, node, x):
        return tf.nn.softmax(x)


def reference(g, x):
    """The output in double precision for images as N,H,W,C, one after the other."""
    one = [Evaluation(g, np.float64).run(tf.constant(x[i:i + 1], tf.float64)) for i in range(len(x))]
    return np.concatenate([y.numpy() for y in one])


def write_tflite(g, shape, path, native_lrn):
    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])
    def net(x):
        return Evaluation(g, np.float32, native_lrn).run(x)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([net.get_concrete_function()])
    with open(path, "wb") as f:
        f.write(converter.convert())
