"""The Keras side of bench/peers: models with drawn weights, and Keras itself as a system.

    peers_keras.py draw NETWORK WEIGHTS.safetensors

KERAS_BACKEND chooses the backend.
"""
import os
import runpy
import sys
import zlib

import keras
import numpy as np
import safetensors.numpy

import peers_nets

sys.path.insert(0, os.path.join(peers_nets.ROOT, "tests", "oracle"))
import keras_zoo


def model_of(network):
    """The network in Keras, with weights that are not drawn yet."""
    if network.model.endswith(".onnx"):
        raise NotImplementedError("no Keras model of it at hand")
    if network.model.endswith(".keras"):
        return keras.models.load_model(network.model, compile=False)
    if network.model.endswith(".py"):
        return runpy.run_path(network.model, run_name="peers")[network.variable]
    return keras_zoo.application(network.model)


def draw(network, path):
    """Writes weights that keep activations at unit deviation, as tests/oracle/zoo.py draws them."""
    import zoo

    model = model_of(network)
    seed = zlib.crc32(network.name.encode())
    x = zoo.pictures(model.input_shape[1:], 2, seed).astype(np.float32)
    zoo.run(model, x, zoo.Drawing(seed))
    safetensors.numpy.save_file(zoo.tensors(model), path)


def with_weights(network, path):
    model = model_of(network)
    if path:
        drawn = safetensors.numpy.load_file(path)
        for layer in model.layers:
            for weight in layer.weights:
                weight.assign(drawn["%s/%s" % (layer.name, weight.name)])
    return model


def tensorflow_calls(model, x):
    """The ways to call it: TensorFlow's graph, and the same compiled by XLA."""
    import tensorflow as tf

    x = tf.constant(x)
    for name, jit in (("tf.function", False), ("tf.function with XLA", True)):
        call = tf.function(lambda x: model(x, training=False), jit_compile=jit)
        yield name, lambda call=call: call(x).numpy()


def jax_calls(model, x):
    import jax

    variables = [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]
    call = jax.jit(lambda a, b, x: model.stateless_call(a, b, x, training=False)[0])
    x = jax.device_put(x)
    yield "jax.jit", lambda: np.asarray(call(*variables, x))


if __name__ == "__main__":
    draw(peers_nets.chosen(peers_nets.NETWORKS, [sys.argv[2]])[0], sys.argv[3])
