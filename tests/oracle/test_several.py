"""Models with several inputs, outputs and losses, models in models and frozen layers, against Keras:
outputs, losses, gradients, a training step, the summary."""
import os
import unittest

os.environ["COLUMNS"] = "80"  # the width of lathe's table

import numpy as np
import safetensors.numpy

import compare
import lathe_abi
from keras_side import KerasModel, run_script
from test_summary import keras_summary, stripped

HEAD = "import keras\nfrom keras import layers\n"

SCRIPTS = {
    # An output that is used inside, one that is an input, the same tensor twice.
    "two_by_three": """
a = layers.Input((5,), name="a")
image = layers.Input((6, 5, 2), name="the image")
x = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
x = layers.Dense(5, name="flat")(layers.Flatten()(x))
s = layers.Add(name="sum")([a, x])
y = layers.Dense(3, activation="softmax", name="class")(s)
z = layers.Dense(2, name="value-1")(s)
p = layers.Dense(1, activation="sigmoid", name="value_1")(layers.Dense(4, activation="tanh")(s))
model = keras.Model([a, image], [y, z, s, p, a, s])
model.compile(
    keras.optimizers.SGD(0.1, momentum=0.9),
    loss=["sparse_categorical_crossentropy", "mse", None, "binary_crossentropy", None, None],
    loss_weights=[0.5, 2.0, None, 1.0, None, None],
    metrics=[["accuracy"], None, None, ["accuracy"], None, None])
""",
    "dictionaries": """
left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
shared = layers.Dense(6, activation="relu", name="shared")
h = layers.Add(name="add")([shared(left), shared(right), shared(left)])
model = keras.Model({"right": right, "left": left},
                    {"up": layers.Dense(2, name="d1")(h), "down": layers.Dense(3, name="d2")(shared(right))})
model.compile("adam", loss={"up": "mse", "down": "mse"}, loss_weights={"up": 0.25, "down": 3.0})
""",
    # Frozen: a plain layer, a normalisation; training=False has no effect when the model is fitted.
    "nested": """
base = keras.Sequential([
    layers.Input((5,)), layers.Dense(6, activation="relu", name="b1"),
    layers.BatchNormalization(name="bn1"), layers.Dense(6, use_bias=False, name="b2"),
    layers.BatchNormalization(name="bn2")], name="base")
for layer in base.layers[:2]:
    layer.trainable = False
x = layers.Input((5,), name="x")
u = layers.BatchNormalization(name="bn0")(layers.Dense(5, use_bias=False, name="d0")(x), training=False)
two_in = layers.Input((6,), name="two_in")
two = keras.Model(two_in, [layers.Dense(2, name="t1")(two_in), layers.Dense(3, name="t2")(two_in)], name="two")
p, q = two(base(u))
r, _ = two(layers.Dense(6, name="d1")(x))
model = keras.Model(x, [layers.Add(name="add")([p, r]), q])
model.compile("rmsprop", loss="mse")
""",
    "transfer": """
inner = layers.Input((8, 8, 2), name="pixels")
h = layers.Conv2D(4, 3, name="c1")(inner)
h = layers.ReLU(name="r1")(layers.BatchNormalization(name="n1")(h))
base = keras.Model(inner, layers.Conv2D(3, 3, name="c2")(h), name="backbone")
base.trainable = False
model = keras.Sequential([base, layers.Flatten(name="f"), layers.Dense(3, activation="softmax", name="top")])
model.compile(keras.optimizers.SGD(0.05), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
""",
    "part": """
x = layers.Input((4,), name="x")
h = layers.Dense(5, name="one")(x)
whole = keras.Model(x, layers.Dense(2, name="two")(layers.ReLU(name="relu")(h)))
model = keras.Model(whole.input, [whole.get_layer("relu").output, whole.output, whole.get_layer(index=1).output])
model.compile("sgd", loss=["mse", "mse", None])
""",
}


def script_of(name):
    os.makedirs(compare.FOLDER, exist_ok=True)
    path = os.path.join(compare.FOLDER, name + ".py")
    with open(path, "w") as f:
        f.write(HEAD + SCRIPTS[name])
    return path


class Several(KerasModel):
    """A model with drawn weights, inputs and labels."""

    def __init__(self, name):
        super().__init__(script_of(name))
        self.randomize(compare.seed_of(name))
        self.random = np.random.default_rng(compare.seed_of(name))

    def inputs(self, n):
        return [self.random.normal(size=(n,) + tuple(t.shape[1:])).astype(np.float32)
                for t in self.model.inputs]

    def labels(self, n):
        made = []
        for i, loss, _ in self.losses():
            width = self.model.outputs[i].shape[-1]
            if loss.startswith("sparse"):
                made.append(self.random.integers(0, width, n).astype(np.int32))
            elif loss.startswith("binary"):
                made.append(self.random.integers(0, 2, (n, width)).astype(np.float32))
            else:
                made.append(self.random.normal(size=(n, width)).astype(np.float32))
        return made


class SeveralTest(unittest.TestCase):
    N = 5

    def close(self, got, want, what, scale=None):
        self.assertLessEqual(compare.distance(np.asarray(got), np.asarray(want), scale),
                             compare.TOLERANCE, what)

    def trainer(self, model, name):
        lathe = compare.trainer(script_of(name), name, batch=self.N)
        compare.copy_state(model, lathe)
        return lathe

    def test_summary(self):
        for name in SCRIPTS:
            with self.subTest(name):
                self.assertEqual(stripped(lathe_abi.lathe("summary", script_of(name))),
                                 keras_summary(run_script(script_of(name))))

    def test_outputs(self):
        for name in SCRIPTS:
            with self.subTest(name):
                model = Several(name)
                weights = os.path.join(compare.FOLDER, name + ".safetensors")
                safetensors.numpy.save_file(model.get(), weights)
                lathe = lathe_abi.Predictor(lathe_abi.build(
                    script_of(name), compare.folder_of(name, "predict"), "--weights", weights,
                    "--batch", self.N, "--exact"))
                self.assertEqual(lathe.table.self_test(lathe.weights, None,
                                                       lathe.workspace.ctypes.data), 0)
                x = model.inputs(self.N + 3)
                for i, (got, want) in enumerate(zip(lathe.predict(x), model.predict(x), strict=True)):
                    self.close(got, want, (name, i))

    def test_gradients_and_step(self):
        for name in SCRIPTS:
            with self.subTest(name):
                model = Several(name)
                lathe = self.trainer(model, name)
                x, y = model.inputs(self.N), model.labels(self.N)
                loss, each, gradients, fixed = model.gradients_of_each(x, y)
                got = lathe.train_step(x, y, step=0)
                self.close(got[0][0], loss, name)
                if len(each) > 1:
                    self.close([l for l, _ in got[1:]], each, name)
                for path, want in gradients.items():
                    self.close(lathe.gradient(path), want, (name, path),
                               max(np.abs(want).max(), 1e-3))
                self.assertEqual({t for t in lathe.index if lathe.trainable[t]}, set(gradients))
                model.apply(gradients)
                for path, value in model.get().items():
                    self.close(lathe.get(path), fixed.get(path, value), (name, path))

    def test_evaluate(self):
        for name in SCRIPTS:
            with self.subTest(name):
                model = Several(name)
                lathe = self.trainer(model, name)
                x, y = model.inputs(self.N), model.labels(self.N)
                outputs = model.predict(x)
                each = [float(l) for l in model.each_loss(y, outputs)]
                total = sum(w * l for (_, _, w), l in zip(model.losses(), each))
                got = lathe.evaluate(x, y)
                self.close(got[0][0], total, name)
                for k, (i, loss, _) in enumerate(model.losses()):
                    entry = got[1 + k] if len(each) > 1 else got[0]
                    if loss.startswith("sparse"):
                        self.assertAlmostEqual(entry[1], np.mean(outputs[i].argmax(-1) == y[k]), 6)

    def test_frozen_costs_nothing(self):
        """No slots and no gradients of what is frozen, and nothing behind it is computed."""
        text = lathe_abi.lathe("inspect", script_of("transfer"), "--train")
        self.assertNotIn("conv2d_grad", text)
        self.assertNotIn("batch_norm_train", text)
        lathe = compare.trainer(script_of("transfer"), "transfer", batch=self.N)
        self.assertFalse([t for t in lathe.index if lathe.role[t] == "slot"])


if __name__ == "__main__":
    unittest.main()
