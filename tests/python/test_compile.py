"""lathe_nn.compile: live models and files as functions."""
import os
import tempfile
import unittest

import numpy as np
import onnx
from onnx import helper

from common import X, Case, dense, keras, lathe_nn

layers = keras.layers

SCRIPT = """from keras import Sequential
from keras.layers import Dense, Input

model = Sequential([Input((6,)), Dense(4, activation="softmax")])
"""


def two_inputs():
    a, b = layers.Input((2,), name="a"), layers.Input((3,), name="b")
    h = layers.Concatenate()([a, b])
    return keras.Model([a, b], [layers.Dense(2, name="first")(h), layers.Dense(1, name="second")(h)], name="two in")


class Compile(Case):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def test_live(self):
        model = dense()
        want = model.predict(X, verbose=0)
        for options in ({}, {"batch": 16}, {"threads": 1}, {"exact": True, "target": "sse2"}):
            net = lathe_nn.compile(model, **options)
            for x in (X, X.astype(np.float64), np.asfortranarray(X)):
                np.testing.assert_allclose(net(x), want, atol=1e-6)
            self.assertEqual((net.inputs, net.outputs), ({"x": (6,)}, {"d": (4,)}))
            self.assertEqual(net.batch, options.get("batch", 1))
        np.testing.assert_allclose(lathe_nn.compile(model, weights_type="f16")(X), want, atol=1e-2)
        self.assertEqual(net(X[:0]).shape, (0, 4))

    def test_several(self):
        model = two_inputs()
        net = lathe_nn.compile(model, batch=4)
        a, b = X[:, :2], X[:, 2:5]
        want = model.predict([a, b], verbose=0)
        for x in ([a, b], (a, b), {"b": b, "a": a}):
            for g, w in zip(net(x), want, strict=True):
                np.testing.assert_allclose(g, w, atol=1e-6)
        self.assertEqual(list(net.outputs), ["first", "second"])

    def test_files(self):
        model = dense()
        want = model.predict(X, verbose=0)
        model.save(self.path("m.keras"))
        model.save(self.path("m.h5"))
        model.save_weights(self.path("m.weights.h5"))
        with open(self.path("m.py"), "w") as f:
            f.write(SCRIPT)
        for name, options in (("m.keras", {}), ("m.h5", {}), ("m.py", {"weights": self.path("m.keras")})):
            np.testing.assert_allclose(lathe_nn.compile(self.path(name), **options)(X), want, atol=1e-6)
        other = dense()
        other.set_weights([w * 0 for w in other.get_weights()])
        np.testing.assert_allclose(lathe_nn.compile(other, weights=self.path("m.weights.h5"))(X), want, atol=1e-6)

    def test_seed(self):
        with open(self.path("m.py"), "w") as f:
            f.write(SCRIPT)
        one, again, two = (lathe_nn.compile(self.path("m.py"), seed=seed)(X) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, again)
        self.assertGreater(np.abs(one - two).max(), 1e-3)

    def test_onnx(self):
        """An open size, a whole number and a truth value."""
        f32, i64, boolean = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.BOOL
        graph = helper.make_graph(
            [helper.make_node("ArgMax", ["x"], ["most"], axis=1),
             helper.make_node("Greater", ["x", "zero"], ["positive"])], "g",
            [helper.make_tensor_value_info("x", f32, ["n", "width"])],
            [helper.make_tensor_value_info("most", i64, ["n", 1]),
             helper.make_tensor_value_info("positive", boolean, ["n", "width"])],
            [onnx.numpy_helper.from_array(np.zeros((), np.float32), "zero")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
                  self.path("m.onnx"))
        most, positive = lathe_nn.compile(self.path("m.onnx"), input_shape={"x": (1, 6)})(X)
        np.testing.assert_array_equal(most[:, 0], X.argmax(1))
        np.testing.assert_array_equal(positive, X > 0)
        self.assertEqual((most.dtype, positive.dtype), (np.int64, np.bool_))

    def test_save(self):
        net = lathe_nn.compile(two_inputs())
        net.save(self.path("deep/er"))
        self.assertEqual(net.name, "two_in")
        with open(self.path("deep/er/two_in.c")) as f:
            self.assertEqual(f.read(), net.c_source)
        self.assertIn("two_in_predict", net.c_source)
        self.assertTrue(os.path.exists(self.path("deep/er/two_in.h")))

    def test_large(self):
        """Weights that are not part of the C."""
        model = keras.Sequential([layers.Input((6,)), layers.Dense(300), layers.Dense(300), layers.Dense(2)])
        net = lathe_nn.compile(model)
        np.testing.assert_allclose(net(X), model.predict(X, verbose=0), atol=1e-5)
        net.save(self.folder)
        self.assertTrue(any(name.endswith(".weights") for name in os.listdir(self.folder)))

    def test_errors(self):
        bad = keras.Sequential([layers.Input((6,)), layers.Lambda(lambda x: x)], name="bad")
        with self.assertRaisesRegex(lathe_nn.LatheError, "^bad: error: unsupported layer class Lambda"):
            lathe_nn.compile(bad)
        with self.assertRaisesRegex(lathe_nn.LatheError, "nothing.py"):
            lathe_nn.compile(self.path("nothing.py"))
        with self.assertRaisesRegex(lathe_nn.LatheError, "target"):
            lathe_nn.compile(dense(), target="vax")
        with self.assertRaises(TypeError):
            lathe_nn.compile(3)
        net = lathe_nn.compile(dense())
        for x in (X[:, :5], [X, X], {"y": X}, X[0], np.float32(3)):
            with self.assertRaises(ValueError):
                net(x)
        with self.assertRaises(ValueError):
            lathe_nn.compile(two_inputs())([X[:3, :2], X[:4, 2:5]])


if __name__ == "__main__":
    unittest.main()
