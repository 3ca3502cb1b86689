"""`lathe compile --plain`: the losses of the program are those of the fast build, step by step, and
its text keeps what it promises. Needs no Keras."""
import os
import re
import subprocess
import tempfile
import unittest

import lathe_abi
import networks
import numpy as np

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
TOLERANCE = 1e-4


def example(path):
    return os.path.join(networks.ROOT, "examples", path)


def arrays(table, count, pixel_type):
    rng = np.random.default_rng(1)
    value = table.input[0]
    shape = (count,) + tuple(value.dim[:value.rank])
    x = rng.integers(0, 256, shape, dtype=np.uint8)
    y = rng.integers(0, 10, count)
    return (x if pixel_type == np.uint8 else (x / 255.0).astype(np.float32)), y


def fast_losses(trainer, x, y, batch, epochs):
    """Means over the samples of an epoch so far, after each step, as the plain program prints them."""
    losses, step = [], 0
    for _ in range(epochs):
        total = 0.0
        for first in range(0, len(x), batch):
            part = slice(first, first + batch)
            loss, _ = trainer.train_step(x[part], y[part], step=step, first_sample=first)
            step += 1
            total += loss * len(x[part])
            losses.append(total / (first + len(x[part])))
    return losses


class Plain(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def generate(self, model, *options):
        source = self.path("plain.c")
        lathe_abi.lathe("compile", model, "--train", "--plain", "-o", source, *options)
        with open(source) as f:
            return f.read()

    def build(self, *flags):
        subprocess.run([os.environ.get("CC", "cc"), *flags, self.path("plain.c"), "-o",
                        self.path("plain"), "-lm"], check=True)

    def run_plain(self, x, y, epochs):
        np.save(self.path("x.npy"), x)
        np.save(self.path("y.npy"), y)
        run = subprocess.run([self.path("plain"), self.path("x.npy"), self.path("y.npy"),
                              str(epochs)], check=True, capture_output=True, text=True)
        return [float(loss) for loss in re.findall(r"loss ([^,]+),", run.stdout)]

    def compare(self, model, batch, count, epochs=2, pixel_type=np.uint8, label_type=np.int64,
                flags=("-O1",)):
        self.generate(model, "--batch", batch)
        self.build(*STRICT, *flags)
        fast = lathe_abi.build(model, self.path("fast"), "--train", "--batch", batch, "--target",
                               "c99", flags=("-O0",))
        trainer = lathe_abi.Trainer(fast)
        x, y = arrays(trainer.table, count, pixel_type)
        plain = self.run_plain(x, y.astype(label_type), epochs)
        expected = fast_losses(trainer, x, y, batch, epochs)
        self.assertEqual(len(plain), len(expected))
        worst = max(abs(a - b) for a, b in zip(plain, expected))
        self.assertLessEqual(worst, TOLERANCE, "%s against %s" % (plain, expected))

    def test_model1(self):
        text = self.generate(example("cifar10/model1.py"))
        self.assertLessEqual(len(text.splitlines()), 400)
        self.assertNotRegex(text, "__attribute__|vector_size|#pragma")
        self.build("-Werror")
        self.compare(example("cifar10/model1.py"), 8, 44, epochs=4)

    def test_model1_floats(self):
        self.compare(example("cifar10/model1.py"), 16, 16, pixel_type=np.float32,
                     label_type=np.int32, flags=("-O1", "-fsanitize=address,undefined"))

    def test_lenet5(self):
        self.compare(example("lenet5/lenet5.py"), 8, 20)

    def test_resnet20(self):
        """One short run: with random labels its loss jumps so far that roundings matter soon."""
        self.compare(example("resnet20/resnet20.py"), 2, 6, epochs=1)


if __name__ == "__main__":
    unittest.main()
