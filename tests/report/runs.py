"""Small runs for the tests: data of a few classes, a network, `lathe train`; and `lathe report` on them.

LATHE names the command, REPORT_FOLDER where everything goes, LATHE_SOURCE lathe's sources."""
import os
import shutil
import subprocess
import sys

import numpy as np

ROOT = os.environ["REPORT_FOLDER"]
LATHE = os.environ["LATHE"]
sys.path.insert(0, os.path.join(os.environ["LATHE_SOURCE"], "python"))

CONVOLUTIONAL = """from keras import Sequential
from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

model = Sequential([
    Input(({height}, {width}, {channels})),
    Conv2D(6, 3, activation="relu"),
    MaxPooling2D(2),
    Conv2D(5, 3, padding="same", activation="relu"),
    Flatten(),
    Dense({classes}, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
DENSE = """from keras import Sequential
from keras.layers import Dense, Input

model = Sequential([Input((6,)), Dense(8, activation="relu"), Dense(1, activation="{activation}")])
model.compile(optimizer="adam", loss="{loss}")
"""


def fresh(name):
    """An empty folder, and in it an empty TMPDIR."""
    folder = os.path.join(ROOT, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "tmp"))
    return folder


def run(folder, *words, **environment):
    return subprocess.run([LATHE, *map(str, words)], cwd=folder, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, "TMPDIR": os.path.join(folder, "tmp"), "LATHE_PYTHON": sys.executable,
                               **environment})


def good(done):
    if done.returncode != 0:
        raise AssertionError("%s\nexit status %d\n%s" % (" ".join(done.args), done.returncode, done.stderr))
    return done


def write_images(folder, classes, shape, train, test):
    """data.npz: noisy images of a pattern a class, in bytes."""
    random = np.random.default_rng(1)
    pattern = random.uniform(40, 215, (classes, *shape))
    def part(n):
        y = np.arange(n) % classes
        return np.clip(pattern[y] + random.normal(0, 40, (n, *shape)), 0, 255).astype(np.uint8), y.astype(np.int32)
    (x, y), (xt, yt) = part(train), part(test)
    arrays = {"x_train": x, "y_train": y}
    if test:
        arrays.update(x_test=xt, y_test=yt)
    np.savez(os.path.join(folder, "data.npz"), **arrays)


def train_images(folder, classes, shape, *options, train=240, test=60):
    write_images(folder, classes, shape, train, test)
    with open(os.path.join(folder, "net.py"), "w") as f:
        f.write(CONVOLUTIONAL.format(height=shape[0], width=shape[1], channels=shape[2], classes=classes))
    good(run(folder, "train", "net.py", "--data", "data.npz", "--epochs", 3, "-o", "run", *options))


def train_vectors(folder, activation, loss, labels):
    random = np.random.default_rng(2)
    x = random.normal(size=(120, 6)).astype(np.float32)
    np.savez(os.path.join(folder, "data.npz"), x_train=x, y_train=labels(x))
    with open(os.path.join(folder, "net.py"), "w") as f:
        f.write(DENSE.format(activation=activation, loss=loss))
    good(run(folder, "train", "net.py", "--data", "data.npz", "--epochs", 2, "-o", "run"))
