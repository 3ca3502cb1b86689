"""A Keras model in double precision, called layer by layer: the reference that Keras's own float32
results have an error against. Convolutions are sums over the kernel's positions in numpy, since XLA's
for doubles are slow; every other layer is Keras's own with dtype float64."""
import keras
import numpy as np

import keras_zoo
from keras_precise import precision


def model(name, single):
    """The network in double precision with the weights of its float32 model."""
    with precision("float64"):
        double = keras_zoo.application(name)
    double.set_weights(single.get_weights())
    for layer in double.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            layer.finalize_state()
    return double


def call(layer, args, kwargs):
    """The layer's output in doubles."""
    if isinstance(layer, keras.layers.SeparableConv2D):
        y = windows(layer, np.asarray(args[0]), np.asarray(layer.depthwise_kernel), True)
        y = y @ np.asarray(layer.pointwise_kernel)[0, 0]
    elif isinstance(layer, keras.layers.DepthwiseConv2D):
        y = windows(layer, np.asarray(args[0]), np.asarray(layer.kernel), True)
    elif isinstance(layer, keras.layers.Conv2D):
        kernel = np.asarray(layer.kernel)
        if layer.groups not in (1, args[0].shape[-1]):
            raise NotImplementedError("%s: %d groups" % (layer.name, layer.groups))
        depthwise = layer.groups > 1
        if depthwise:
            kernel = kernel.reshape(kernel.shape[:2] + (layer.groups, -1))
        y = windows(layer, np.asarray(args[0]), kernel, depthwise)
    else:
        y = layer(*args, **kwargs)
        if str(y.dtype) != "float64":
            raise TypeError("%s gives %s" % (layer.name, y.dtype))
        return y
    if layer.use_bias:
        y = y + np.asarray(layer.bias)
    return layer.activation(y)


def windows(layer, x, kernel, depthwise):
    """The sum over a kernel's positions; a depthwise kernel has (height, width, channels, multiplier)."""
    size, stride, dilation = kernel.shape[:2], layer.strides, layer.dilation_rate
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    if layer.padding == "same":
        missing = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(x.shape[1:3], stride, reach)]
        x = np.pad(x, [(0, 0)] + [(m // 2, m - m // 2) for m in missing] + [(0, 0)])
    rows, columns = [(n - r) // s + 1 for n, s, r in zip(x.shape[1:3], stride, reach)]
    y = 0
    for i in range(size[0]):
        for j in range(size[1]):
            top, left = i * dilation[0], j * dilation[1]
            part = x[:, top:top + (rows - 1) * stride[0] + 1:stride[0],
                     left:left + (columns - 1) * stride[1] + 1:stride[1]]
            y = y + ((part[..., None] * kernel[i, j]).reshape(part.shape[:3] + (-1,)) if depthwise
                     else part @ kernel[i, j])
    return y
