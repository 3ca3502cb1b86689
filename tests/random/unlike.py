"""Whether two lathes write the same for a network: where they do, what one of them computes is what the other
computes, and the network can't tell them apart. Asking takes 0.1 s, comparing with Keras seconds."""
import os
import shutil
import subprocess

import numpy as np
import safetensors.numpy


class Refused(Exception):
    """A lathe does not take the network: the comparison will say why."""


def alike(net, folder, one, other):
    """Of the C and the weights for prediction, and the C for training."""
    os.makedirs(folder)
    try:
        with open(os.path.join(folder, "net.py"), "w") as f:
            f.write(net.script())
        weights(net.seed, folder, one)
        return written(net, folder, one) == written(net, folder, other)
    except Refused:
        return False
    finally:
        shutil.rmtree(folder)


def weights(seed, folder, lathe):
    """Random ones: what a pass makes of a mean of 0 shows no mistake."""
    path = os.path.join(folder, "weights.safetensors")
    run(folder, lathe, "convert", "net.py", path)
    random = np.random.default_rng(seed)
    safetensors.numpy.save_file({name: random.uniform(0.5, 1.5, a.shape).astype(a.dtype)
                                 for name, a in safetensors.numpy.load_file(path).items()}, path)


def written(net, folder, lathe):
    common = ("--kernels", "random:%d" % net.kernels, "--batch", str(net.batch))
    run(folder, lathe, "compile", "net.py", "-o", "p.c", "--weights", "weights.safetensors", *common)
    run(folder, lathe, "compile", "net.py", "-o", "t.c", "--train", *common)
    return [read(os.path.join(folder, name)) for name in ("p.c", "t.c")]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def run(folder, *command):
    if subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True).returncode:
        raise Refused
