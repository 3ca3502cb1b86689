"""The built-in networks as Keras has them: keras.applications beside lathe's scripts."""
import ast
import contextlib
import os
from unittest import mock

import keras
import numpy as np
from keras.src.initializers import random_initializers

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../compiler/frontend/zoo")


def members():
    """Script of each built-in name, in the order of the files."""
    found = {}
    for file in sorted(os.listdir(FOLDER)):
        path = os.path.join(FOLDER, file)
        with open(path) as f:
            tree = ast.parse(f.read())
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.args.args and node.name[0] != "_":
                found[node.name] = path
    return found


def applications():
    """The functions of keras.applications by their names in small letters."""
    return {key.lower(): f for key, f in vars(keras.applications).items() if key[0].isupper()}


@contextlib.contextmanager
def zeros_for_weights():
    """Keras sets to zero what it would draw, which takes a third of a test's time."""
    def zeros(shape, *_, dtype=None, **__):
        return np.zeros(shape, dtype or keras.config.floatx())

    keras.backend.clear_session()
    with mock.patch.multiple(random_initializers.random, uniform=zeros, normal=zeros,
                             truncated_normal=zeros):
        yield


def application(name):
    """keras.applications' model of this name, with weights that are not drawn."""
    arguments = {"input_shape": (224, 224, 3)} if name.startswith("mobilenetv3") else {}
    with zeros_for_weights():
        return applications()[name](weights=None, **arguments)


def script_model(name, path):
    """The same of lathe's script, run by Python."""
    space = {"__name__": "zoo"}
    with open(path) as f:
        exec(compile(f.read(), path, "exec"), space)
    with zeros_for_weights():
        return space[name]()


def describe(model, prefix=""):
    """Everything that makes a model what it is: operations in order with their settings, where their
    inputs come from, and the weights in order."""
    rows = []
    for operation in getattr(model, "operations", model.layers):
        if isinstance(operation, keras.Sequential):
            rows += describe(operation, operation.name + "/")
            settings = operation.name
        elif isinstance(operation, keras.Layer):
            settings = operation.get_config()
            if settings.get("axis") == 3:  # the last one of an image
                settings["axis"] = -1
        else:
            settings = operation.name
        sources = [[(t._keras_history.operation.name if hasattr(t, "_keras_history") else t)
                    for t in keras.tree.flatten((node.arguments.args, node.arguments.kwargs))]
                   for node in operation._inbound_nodes]
        weights = []
        if isinstance(operation, keras.Layer):
            weights = [(w.name, tuple(w.shape), w.trainable) for w in operation.weights]
        rows.append((prefix, type(operation).__name__, settings, sources, weights))
    return rows
