"""The grid of layers and arguments on which lathe and Keras are compared. A pack is a model of several
branches from one input: each branch is a chain of layers behind a dense layer of its own, whose
gradient tells what the chain sends back. The branches' results are flattened and concatenated, so that
one run of either system covers all of them.

A branch is a text of layers of keras.layers separated by ' > ', or a Python expression over x and ops."""

import re

HEAD = """import keras
from keras import layers, ops
"""


def branch(number, text, channels):
    lines = ["x = layers.Dense(%d, name='front%d')(inputs)" % (channels, number)]
    if text.startswith("="):
        lines.append(text[1:].strip() if "\n" in text else "x = " + text[1:].strip())
    else:
        lines += ["x = %s(x)" % layer.strip() for layer in text.split(" > ")]
    lines.append("results.append(layers.Flatten(name='flat%d')(x))" % number)
    return "\n".join(lines)


def pack(shape, branches, channels=None):
    """A script with one output, and mean squared error for the gradients."""
    body = "\n".join(branch(i, text, channels or shape[-1]) for i, text in enumerate(branches))
    body = re.sub(r"(?<![.\w])([A-Z]\w*\()", r"layers.\1", body)
    joined = "layers.Concatenate()(results)" if len(branches) > 1 else "results[0]"
    return "%sinputs = keras.Input(shape=%s)\nresults = []\n%s\noutputs = %s\n" \
           "model = keras.Model(inputs, outputs)\nmodel.compile(loss='mse', optimizer='sgd')\n" % (
               HEAD, shape, body, joined)


def product(template, **choices):
    """The template for all combinations of the choices."""
    texts = [template]
    for name, values in choices.items():
        texts = [t.replace("{%s}" % name, str(v)) for t in texts for v in values]
    return texts


# name -> (input shape, branches, and where it differs the number of channels behind the dense layers)
PACKS = {
    "conv": ((9, 8, 4), [
        "Conv2D(6, 3, groups=2)", "Conv2D(8, (3, 2), groups=4, padding='same', strides=(1, 2))",
        "Conv2D(4, 2, strides=3)", "Conv2D(4, 2, strides=3, padding='same')",
        "Conv2D(5, 3, dilation_rate=(2, 3), padding='same', activation='relu6')",
        "Conv2D(1, 1, activation='silu')", "Conv2D(4, (4, 1), padding='same', use_bias=False)",
        "Conv2D(8, 3, groups=4, dilation_rate=2)"]),
    "depthwise": ((9, 8, 3), [
        "DepthwiseConv2D(3)", "DepthwiseConv2D((3, 2), depth_multiplier=2, padding='same')",
        "DepthwiseConv2D(2, strides=3)", "DepthwiseConv2D(3, strides=2, padding='same')",
        "DepthwiseConv2D(3, dilation_rate=2, use_bias=False)",
        "DepthwiseConv2D(5, padding='same', activation='hard_silu')",
        "SeparableConv2D(5, 3)", "SeparableConv2D(4, (2, 3), strides=2, padding='same', depth_multiplier=3)",
        "SeparableConv2D(4, 3, dilation_rate=2, use_bias=False, activation='elu')"]),
    "one_channel": ((7, 6, 2), [
        "DepthwiseConv2D(3, depth_multiplier=4)", "DepthwiseConv2D(2)", "SeparableConv2D(3, 3)",
        "Conv2DTranspose(2, 3, strides=2)", "GroupNormalization(groups=1)", "BatchNormalization()",
        "LayerNormalization(axis=[1, 2])", "UpSampling2D(2, interpolation='bilinear')"], 1),
    "one_pixel": ((1, 1, 6), [
        "Conv2D(4, 3, padding='same')", "DepthwiseConv2D(3, padding='same')",
        "MaxPooling2D(3, padding='same')", "AveragePooling2D(2, strides=3, padding='same')",
        "Conv2DTranspose(3, 2, strides=2)", "UpSampling2D(3)", "Resizing(2, 3)",
        "GlobalMaxPooling2D(keepdims=True)", "GlobalAveragePooling2D()", "ZeroPadding2D(1)"]),
    "many_channels": ((3, 2, 513), [
        "DepthwiseConv2D(2)", "Conv2D(2, 2)", "LayerNormalization()", "BatchNormalization()",
        "GroupNormalization(groups=27)", "PReLU(shared_axes=[1, 2])", "MaxPooling2D(2)",
        "Softmax()"]),
    "transpose": ((5, 4, 3), [
        "Conv2DTranspose(4, 3)", "Conv2DTranspose(4, 3, strides=2)",
        "Conv2DTranspose(4, 3, strides=2, padding='same')",
        "Conv2DTranspose(2, (2, 4), strides=(3, 2), padding='same', activation='relu')",
        "Conv2DTranspose(2, 2, strides=3)", "Conv2DTranspose(2, 1, strides=2, padding='same')",
        "Conv2DTranspose(3, 3, strides=2, padding='same', output_padding=1)",
        "Conv2DTranspose(3, 4, strides=3, output_padding=(2, 0), use_bias=False)",
        "Conv2DTranspose(3, 3, dilation_rate=2)",
        "Conv2DTranspose(3, 3, dilation_rate=2, padding='same')"]),
    "sequences": ((11, 4), [
        "Conv1D(5, 3)", "Conv1D(5, 4, strides=2, padding='same', activation='selu')",
        "Conv1D(5, 3, padding='causal', dilation_rate=2)", "Conv1D(6, 2, groups=2, use_bias=False)",
        "Conv1D(3, 2, strides=3, padding='causal')",
        "DepthwiseConv1D(3, depth_multiplier=2, padding='same')", "SeparableConv1D(5, 3, strides=2)",
        "Conv1DTranspose(3, 3, strides=2)", "Conv1DTranspose(3, 2, strides=3, padding='same')",
        "ZeroPadding1D((1, 2))", "Cropping1D((2, 1))", "UpSampling1D(3)",
        "MaxPooling1D(3, strides=2, padding='same')", "AveragePooling1D(2)",
        "GlobalAveragePooling1D()", "GlobalMaxPooling1D(keepdims=True)",
        "GlobalAveragePooling1D(keepdims=True)", "BatchNormalization()", "LayerNormalization()",
        "Permute((2, 1))"]),
    "pooling": ((8, 7, 3), [
        "MaxPooling2D(2, strides=3)", "MaxPooling2D((3, 2), strides=(1, 4), padding='same')",
        "AveragePooling2D(3, strides=2, padding='same')", "AveragePooling2D((1, 4), strides=5)",
        "GlobalMaxPooling2D()", "GlobalAveragePooling2D(keepdims=True)",
        "GlobalMaxPooling2D(keepdims=True)", "Cropping2D(((1, 2), (0, 3)))", "Cropping2D(2)",
        "Cropping2D((1, 2))"]),
    "resizing": ((6, 5, 3), [
        "UpSampling2D()", "UpSampling2D((1, 3))", "UpSampling2D((2, 3), interpolation='bilinear')",
        "UpSampling2D(2, interpolation='bicubic')", "Resizing(9, 4)", "Resizing(3, 11, 'nearest')",
        "Resizing(4, 4, 'bicubic')", "Resizing(8, 2, crop_to_aspect_ratio=True)",
        "Resizing(3, 2, antialias=True)", "Resizing(2, 3, 'bicubic', antialias=True)",
        "Resizing(7, 7, 'lanczos3')", "Resizing(3, 4, 'lanczos5', antialias=True)",
        "Resizing(1, 1)"]),
    "normalization": ((5, 4, 6), [
        "BatchNormalization(axis=1)", "BatchNormalization(axis=2, scale=False)",
        "LayerNormalization()", "LayerNormalization(axis=[1, 2, 3], epsilon=1e-5)",
        "LayerNormalization(axis=1, center=False)", "LayerNormalization(axis=(1, 3), scale=False)",
        "LayerNormalization(center=False, scale=False)", "GroupNormalization(groups=3)",
        "GroupNormalization(groups=-1)", "GroupNormalization(groups=2, axis=2)",
        "GroupNormalization(groups=1, center=False, epsilon=0.1)", "UnitNormalization()",
        "UnitNormalization(axis=[1, 2])", "RMSNormalization()", "RMSNormalization(axis=-1, epsilon=0.1)",
        "Rescaling(1 / 127.5, offset=-1)", "Rescaling([1., 2., 3., 4., 5., 6.], offset=[0., 1., 0., 1., 0., 1.])",
        "Normalization(mean=[.1, .2, .3, .4, .5, .6], variance=[1., 2., 3., 4., 5., .5])",
        "Normalization(axis=None, mean=.5, variance=2.)", "Normalization()"]),
    "activations": ((3, 5), [
        "Activation('%s')" % name for name in (
            "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish",
            "sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "tanh", "hard_tanh", "softplus",
            "softsign", "exponential", "mish", "hard_shrink", "soft_shrink", "softmax",
            "log_softmax")] + [
        "ReLU(max_value=1.5)", "ReLU(negative_slope=0.2)", "ReLU(max_value=1., negative_slope=0.1)",
        "ReLU(threshold=0.5)", "ReLU(0.8, 0.3, 0.25)", "LeakyReLU()", "LeakyReLU(0.1)", "ELU()",
        "ELU(alpha=0.5)", "PReLU()", "PReLU(shared_axes=[1])", "Softmax()", "Softmax(axis=1)",
        "Identity()"]),
    "shapes": ((4, 6, 3), [
        "Flatten() > Reshape((2, 36)) > Activation('tanh')", "Reshape((-1, 3))", "Reshape((4, 9, -1))",
        "Permute((3, 1, 2))", "Permute((2, 1, 3)) > Activation('tanh')",
        "GlobalAveragePooling2D() > RepeatVector(4)", "Dense(4, activation='gelu')", "Flatten() > Dense(5)"]),
    "merges": ((4, 5, 3), [
        "=Concatenate()([x, layers.Conv2D(2, 1)(x), x])", "=Concatenate(axis=1)([x, layers.ZeroPadding2D(1)(x)[:, :, 1:-1]])",
        "=Concatenate(axis=-2)([x, x])", "=Subtract()([x, layers.Conv2D(3, 1)(x)])",
        "=Multiply()([x, layers.Conv2D(3, 1)(x)])",
        "=Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)])",
        "=Multiply()([layers.Conv2D(1, 1)(x), x, x])", "=Average()([x, layers.Conv2D(3, 1)(x), x])",
        "=Maximum()([x, layers.Conv2D(3, 1)(x)])", "=Minimum()([x, layers.Conv2D(3, 1)(x)])",
        "=Add()([x, layers.Conv2D(1, 1)(x)])", "=Add()([x, layers.GlobalMaxPooling2D()(x)])",
        "=Maximum()([x, x])"]),
    "operators": ((4, 6, 3), [
        "=" + text for text in (
            "x + 1.5", "2 - x", "x - 0.5", "x * -3", "x / 3", "1 / (x * x + 1)", "-x", "x ** 2",
            "(x * x + 0.5) ** 0.5", "(x * x + 0.5) ** 1.7", "2 ** x", "abs(x)", "x * x - x / (abs(x) + 1)",
            "x[:, 1:-1, ::2]", "x[..., 1:]", "x[:, ::-1, 2, :]", "x[:, -2:, 1:6:3, 0]", "x[:, 1]",
            "x + x[:, :1]", "x[:, :, :, :1] * x",
            "ops.relu(x)", "ops.sigmoid(x)", "ops.silu(x)", "ops.gelu(x)", "ops.gelu(x, approximate=False)",
            "ops.softmax(x)", "ops.softmax(x, axis=1)", "ops.log_softmax(x)", "ops.exp(x)", "ops.log(ops.exp(x) + 1)",
            "ops.sqrt(x * x + 1)", "ops.rsqrt(x * x + 1)", "ops.square(x)", "ops.tanh(x)", "ops.erf(x)",
            "ops.sin(x) + ops.cos(x)", "ops.elu(x, 0.5)", "ops.leaky_relu(x)", "ops.hard_sigmoid(x)", "ops.relu6(x)",
            "ops.selu(x)", "ops.softplus(x)", "ops.softsign(x)", "ops.clip(x, -0.5, 0.7)", "ops.maximum(x, 0.1)",
            "ops.minimum(0.2, x)", "ops.maximum(x, x[:, :, ::-1])", "ops.power(x * x + 1, 0.3)", "ops.power(x * x + 1, x)",
            "ops.where(x > 0.2, x, -0.1)", "ops.where(x < x[:, ::-1], x * 2, x)",
            "ops.mean(x, axis=-1)", "ops.mean(x, axis=(1, 2), keepdims=True)", "ops.sum(x, axis=[2])",
            "ops.max(x, axis=1)", "ops.min(x, axis=(1, 3))",
            "ops.reshape(x, (-1, 8, 9))", "ops.transpose(x, (0, 3, 1, 2)) * 2", "ops.squeeze(ops.expand_dims(x, 2), 2) + 1",
            "ops.concatenate([x, x * 2], axis=2)", "ops.pad(x, [[0, 0], [1, 2], [0, 0], [0, 3]])",
            "ops.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0)), constant_values=2.5)",
            "ops.matmul(x, ops.transpose(x, (0, 1, 3, 2)))", "x @ x[:, :, :3]",
            "ops.average_pool(x, 2, strides=2)", "ops.max_pool(x, 3, strides=2, padding='same')",
            "keras.activations.relu(x, max_value=1.0)", "keras.activations.gelu(x)", "ops.subtract(1., x)",
            "ops.divide(x, ops.add(ops.absolute(x), 1.0))", "ops.multiply(x, x)", "ops.negative(x)",
            "ops.reciprocal(x * x + 1)")]),
}

# Without a gradient, or with the gradient zero.
FORWARD = {
    "forward": ((4, 6, 3), [
        "=" + text for text in (
            "ops.prod(x, axis=-1)", "ops.sign(x)", "ops.floor(x)", "ops.ceil(x)", "ops.round(x * 2)",
            "ops.where(ops.greater_equal(x, 0.5), 1., x)", "ops.where(ops.equal(ops.floor(x), 0), x, 2.)",
            "x % 0.4", "ops.where(x <= 0.1, 3., x)")]),
}

# What the quick run leaves out.
FULL = {
    "conv_full": ((10, 7, 4), product(
        "Conv2D(4, {k}, strides={s}, padding='{p}', groups={g})", k=(1, 2, (3, 4), 5), s=(1, 2, (4, 3)),
        p=("valid", "same"), g=(1, 2, 4))),
    "depthwise_full": ((10, 7, 3), product(
        "DepthwiseConv2D({k}, strides={s}, padding='{p}', depth_multiplier={m})", k=(1, 2, (3, 4), 5),
        s=(1, 2, 4), p=("valid", "same"), m=(1, 3))),
    "transpose_full": ((4, 3, 2), product(
        "Conv2DTranspose(3, {k}, strides={s}, padding='{p}')", k=(1, 2, (3, 4), 5), s=(1, 2, (4, 3)),
        p=("valid", "same"))),
    "pooling_full": ((9, 8, 2), product(
        "{kind}Pooling2D({k}, strides={s}, padding='{p}')", kind=("Max", "Average"), k=(2, (3, 1), 4),
        s=(1, 2, 5), p=("valid", "same"))),
    "resizing_full": ((7, 6, 2), product(
        "Resizing({h}, {w}, '{f}', antialias={a})", h=(3, 13), w=(1, 6, 9),
        f=("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"), a=(False, True))),
}
