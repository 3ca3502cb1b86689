"""The data sets as numpy arrays, for the Keras side of the benchmarks."""
import glob
import gzip
import os

import numpy as np


def load(folder):
    """((x, y), (x_test, y_test)) of a folder with CIFAR-10's binary files or with IDX files; pixels
    are divided by the largest, labels are indices."""
    inner = os.path.join(folder, "cifar-10-batches-bin")
    folder = inner if os.path.isdir(inner) else folder
    if os.path.isfile(os.path.join(folder, "test_batch.bin")):
        train = sorted(glob.glob(os.path.join(folder, "data_batch_*.bin")))
        return _cifar(train), _cifar([os.path.join(folder, "test_batch.bin")])
    return _idx(folder, "train"), _idx(folder, "t10k")


def _cifar(paths):
    records = np.concatenate([np.fromfile(p, dtype=np.uint8).reshape(-1, 3073) for p in paths])
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return _scaled(images), records[:, 0].astype(np.int32)


def _idx(folder, part):
    images = _read_idx(os.path.join(folder, part + "-images-idx3-ubyte"), 16)
    labels = _read_idx(os.path.join(folder, part + "-labels-idx1-ubyte"), 8)
    return _scaled(images.reshape(-1, 28, 28, 1)), labels.astype(np.int32)


def _read_idx(path, header):
    with (open(path, "rb") if os.path.isfile(path) else gzip.open(path + ".gz", "rb")) as f:
        return np.frombuffer(f.read(), dtype=np.uint8)[header:]


def _scaled(images):
    return np.ascontiguousarray(images, dtype=np.float32) / images.max()
