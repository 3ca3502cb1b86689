"""Every layer over a grid of arguments (grid.py): lathe's interpreter against Keras, outputs behind the
inference passes and gradients of the training step."""
import os
import subprocess
import unittest

import numpy as np
import safetensors.numpy

import compare
import grid
from keras_side import KerasModel

SAMPLES = 3
FULL = bool(os.environ.get("LATHE_FULL"))
GRADIENTS = not os.environ.get("NOGRAD")


class Interpreted:
    """The program interpreted.c: one line a run."""

    def __init__(self):
        self.process = subprocess.Popen([os.environ["INTERPRETED"]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            raise AssertionError("lathe: %s" % (answer or "the interpreter ended"))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def read_gradients(path):
    found = {}
    with open(path, "rb") as f:
        while True:
            line = f.readline().split()
            if not line:
                return found
            found[line[0].decode()] = np.frombuffer(f.read(8 * int(line[1])))


class Layers(compare.OracleCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(compare.FOLDER, exist_ok=True)
        cls.lathe = Interpreted()

    @classmethod
    def tearDownClass(cls):
        cls.lathe.close()

    def write(self, name, shape, branches):
        path = os.path.join(compare.FOLDER, name + ".py")
        with open(path, "w") as f:
            f.write(grid.pack(shape, branches))
        return path

    def check_outputs(self, name, model, branches, prefix, x):
        got_path = prefix + ".out"
        self.lathe.run("predict", prefix + ".py", prefix + ".safetensors", prefix + ".in", SAMPLES,
                       got_path)
        want = model.predict(x)
        got = np.fromfile(got_path, np.float32).reshape(want.shape)
        at = 0
        for i, text in enumerate(branches):
            width = model.model.get_layer("flat%d" % i).output.shape[1]
            with self.subTest(pack=name, layer=text):
                self.assert_close(got[:, at:at + width], want[:, at:at + width], "outputs")
            at += width

    def check_gradients(self, name, model, branches, prefix, x):
        y = np.random.default_rng(compare.seed_of(name) + 1).normal(
            size=(SAMPLES, model.model.output_shape[-1])).astype(np.float32)
        y.tofile(prefix + ".labels")
        self.lathe.run("gradients", prefix + ".py", prefix + ".safetensors", prefix + ".in",
                       prefix + ".labels", SAMPLES, prefix + ".grad")
        _, want, _ = model.gradients(x, y)
        got = read_gradients(prefix + ".grad")
        self.assertEqual(sorted(got), sorted(want))
        owner = {"front%d" % i: text for i, text in enumerate(branches)}
        for tensor, w in want.items():
            with self.subTest(pack=name, tensor=tensor, layer=owner.get(tensor.split("/")[0])):
                self.assert_close(got[tensor].reshape(w.shape), w, "gradient",
                                  scale=max(np.abs(w).max(), 1e-6))

    def check(self, name, shape, branches, gradients=True):
        prefix = os.path.join(compare.FOLDER, name)
        model = KerasModel(self.write(name, shape, branches))
        model.randomize(compare.seed_of(name))
        safetensors.numpy.save_file(
            {k: v.astype(np.float32) for k, v in model.get().items()}, prefix + ".safetensors")
        x = np.random.default_rng(compare.seed_of(name)).normal(
            size=(SAMPLES,) + shape).astype(np.float32)
        x.tofile(prefix + ".in")
        self.check_outputs(name, model, branches, prefix, x)
        if gradients:
            self.check_gradients(name, model, branches, prefix, x)


def add_tests():
    packs = {**grid.PACKS, **(grid.FULL if FULL else {})}
    for name, (shape, branches) in packs.items():
        setattr(Layers, "test_" + name,
                lambda self, n=name, s=shape, b=branches: self.check(n, s, b, GRADIENTS))


add_tests()

if __name__ == "__main__":
    unittest.main()
