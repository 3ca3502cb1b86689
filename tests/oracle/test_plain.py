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


def network(body, compile_line, shape=(9, 8, 3)):
    return networks.sequential(shape, body, compile_line)


CROSSENTROPY = "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=%s), optimizer=%s"

# What the examples leave out, and names that mean something in C.
SMALL = {
    "strides, dilation, sigmoid, momentum": network("""
        layers.Conv2D(6, 3, strides=2, padding='same', activation='sigmoid', name='log')
        layers.Conv2D(5, 2, dilation_rate=2, padding='same', use_bias=False, name='double')
        layers.MaxPooling2D(3, strides=2, padding='same', name='main')
        layers.Flatten(name='x')
        layers.Dense(10, activation='softmax', name='sum')""", CROSSENTROPY % (
            False, "keras.optimizers.SGD(0.05, momentum=0.9, weight_decay=0.01)")),
    "border, pooling, Nesterov": network("""
        layers.ZeroPadding2D(((1, 0), (2, 1)))
        layers.Conv2D(4, (3, 2), kernel_initializer='he_normal', bias_initializer='ones')
        layers.ReLU()
        layers.Cropping2D(((1, 1), (0, 2)))
        layers.AveragePooling2D(3, strides=1)
        layers.Dropout(0.4)
        layers.GlobalAveragePooling2D()
        layers.Dense(10)""", CROSSENTROPY % (
            True, "keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)")),
    "dense over pixels, RMSprop": network("""
        layers.Dense(5, activation='tanh', kernel_initializer='random_normal')
        layers.BatchNormalization()
        layers.Flatten()
        layers.Dense(10, activation='sigmoid')""", CROSSENTROPY % (
            False, "keras.optimizers.RMSprop(0.001, momentum=0.5, centered=True)")),
    "a vector, AMSGrad": network("""
        layers.Dense(12, activation='softmax')
        layers.BatchNormalization()
        layers.Dense(10, activation='softmax')""", CROSSENTROPY % (
            False, "keras.optimizers.AdamW(0.01, weight_decay=0.02, amsgrad=True)"), (7,)),
}

REFUSED = {
    "alexnet/alexnet.py": ["--plain has no plain form of:", "lrn", "conv2d in groups"],
    "googlenet/googlenet.py": ["concat", "several losses"],
}


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


    def test_small_networks(self):
        for i, (name, script) in enumerate(SMALL.items()):
            with self.subTest(name):
                model = self.path("small%d.py" % i)  # a library's name is loaded once a process
                with open(model, "w") as f:
                    f.write(script)
                self.compare(model, 4, 10, pixel_type=np.float32)

    def test_refusals(self):
        """Everything without a plain form is named at once, and nothing is written."""
        for model, words in REFUSED.items():
            with self.subTest(model):
                with self.assertRaises(RuntimeError) as caught:
                    self.generate(example(model))
                for word in words:
                    self.assertIn(word, str(caught.exception))
                self.assertFalse(os.path.exists(self.path("plain.c")))


if __name__ == "__main__":
    unittest.main()
