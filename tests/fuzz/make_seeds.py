"""Seeds for the fuzz targets: make_seeds.py FOLDER. Small files of every kind, made by Keras."""
import glob
import os
import shutil
import sys
import zipfile

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers
from safetensors.numpy import save_file

out = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))


def folder(target):
    path = os.path.join(out, "fuzz_" + target)
    os.makedirs(path, exist_ok=True)
    return path


def models():
    x = layers.Input((6, 6, 2), name="in")
    y = layers.BatchNormalization()(layers.Conv2D(2, 3, padding="same")(x))
    y = layers.Add()([x, y])
    inner = keras.Sequential([layers.Input((6, 6, 2)), layers.Conv2D(2, 3)], name="inner")
    y = layers.Dense(2)(layers.Flatten()(inner(y)))
    m = keras.Model(x, y)
    m.compile("adam", "mse")
    yield "functional", m
    m = keras.Sequential([layers.Input((3,)), layers.Dense(2, activation="relu")])
    m.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    yield "sequential", m


for name, model in models():
    archive = os.path.join(folder("keras_zip"), name)
    model.save(archive + ".keras")
    os.rename(archive + ".keras", archive)
    with zipfile.ZipFile(archive) as z, open(os.path.join(folder("keras_config"), name), "wb") as f:
        f.write(z.read("config.json"))
    weights = os.path.join(folder("hdf5"), name)
    model.save_weights(weights + ".weights.h5")
    model.save(weights + ".h5")
    save_file({w.path: np.asarray(w) for w in model.weights},
              os.path.join(folder("safetensors"), name))
for script in glob.glob(os.path.join(here, "..", "frontend", "models", "*.py")):
    shutil.copy(script, folder("script"))
