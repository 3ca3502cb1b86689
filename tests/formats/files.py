"""What the tests of file formats share: running lathe, small models, files in older layouts."""
import json
import os
import subprocess

os.environ["KERAS_BACKEND"] = "jax"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import keras
import numpy as np
from keras import layers

LATHE = os.environ["LATHE"]
FOLDER = os.environ["FORMATS_FOLDER"]
os.makedirs(FOLDER, exist_ok=True)


def path(name):
    return os.path.join(FOLDER, name)


def run(*words):
    """Runs lathe; returns status, output and errors."""
    r = subprocess.run([LATHE, *words], capture_output=True, text=True, errors="replace", timeout=300)
    return r.returncode, r.stdout, r.stderr


def lathe(*words):
    status, out, err = run(*words)
    assert status == 0, f"lathe {' '.join(words)}: status {status}\n{out}{err}"
    return out + err


def converted(source, name="converted.keras", *options):
    """What lathe makes of `source`, opened by Keras."""
    lathe("convert", source, path(name), *options)
    return keras.models.load_model(path(name))


def outputs(model, x):
    y = model.predict(x, verbose=0)
    if isinstance(y, dict):
        y = [y[k] for k in sorted(y)]
    return [np.asarray(v) for v in (y if isinstance(y, list) else [y])]


def same(test, a, b):
    """Equal outputs: what is only copied must not change."""
    test.assertEqual(len(a), len(b))
    for p, q in zip(a, b):
        np.testing.assert_allclose(p, q, rtol=0, atol=1e-6 * max(1.0, float(abs(p).max())))


def draw(model, seed=0):
    """Weights that are not what any initialiser gives."""
    rng = np.random.default_rng(seed)
    for v in model.weights:
        value = rng.normal(0, 0.3, v.shape)
        v.assign(abs(value) + 0.5 if "variance" in v.name else value)


def put_strings(group, name, texts):
    """As h5py of old wrote lists of names: of one fixed length."""
    group.attrs[name] = np.array([t.encode() for t in texts]) if texts else np.zeros(0)


def put_layers(root, model, weight_name, backend=b"tensorflow", version=b"2.4.0", **how):
    """The legacy layout: an attribute lists the layers, one of each layer its weights."""
    put_strings(root, "layer_names", [l.name for l in model.layers])
    if backend:
        root.attrs["backend"] = backend
        root.attrs["keras_version"] = version
    for layer in model.layers:
        weights = layer.trainable_weights + layer.non_trainable_weights
        names = [weight_name(layer, v) for v in weights]
        group = root.create_group(layer.name)
        put_strings(group, "weight_names", names)
        for name, v in zip(names, weights):
            group.create_dataset(name, data=np.asarray(v), **how)


def tensorflow_name(layer, v):
    return f"{v.path}:0"


def write_json(name, value):
    with open(path(name), "w") as f:
        json.dump(value, f)
    return path(name)
