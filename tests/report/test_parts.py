"""Parts of the report: results of layers against NumPy, the plan, classes from labels, places in a mosaic."""
import os
import unittest

import numpy as np

import runs
from lathe_nn.report import classes, generated, inputs, layers, mosaic


def convolution(x, kernel, bias, padding):
    x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))
    return np.maximum(np.einsum("yxcrs,rsck->yxk", windows, kernel) + bias, 0)


class History(unittest.TestCase):
    def test_refused(self):
        folder = runs.fresh("history")
        for text, said in (("epoch,loss\n", "no epoch in it"), ("", "no epoch in it"), ("a,b\n1,2\n", "no epoch in it"),
                           ("epoch,loss\n1\n", "1 values, but"), ("epoch,loss\n1,\n", "it has no loss")):
            with open(os.path.join(folder, "history.csv"), "w") as f:
                f.write(text)
            with self.assertRaisesRegex(inputs.ReportError, said):
                inputs.read_history(folder)


class Layers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = runs.fresh("parts")
        runs.train_images(cls.folder, 4, (12, 10, 3))
        run = os.path.join(cls.folder, "run")
        cls.weights = inputs.read_weights(run)
        work = os.path.join(cls.folder, "work")
        os.mkdir(work)
        cls.model = generated.Model(os.path.join(run, "net.py"), os.path.join(run, "weights.safetensors"),
                                    None, work)
        cls.image = np.load(os.path.join(cls.folder, "data.npz"))["x_test"][1]

    def test_feature_maps(self):
        w = self.weights
        values = self.model.layer_values(self.image)
        x = convolution(self.image / 255.0, w["conv2d/kernel"], w["conv2d/bias"], 0)
        x = x.reshape(5, 2, 4, 2, 6).max(axis=(1, 3))
        np.testing.assert_allclose(values["max_pooling2d"], x, atol=1e-4)
        x = convolution(x, w["conv2d_1/kernel"], w["conv2d_1/bias"], 1)
        np.testing.assert_allclose(values["conv2d_1/relu"], x, atol=1e-4)

    def test_plan(self):
        plan = self.model.plan()
        self.assertGreaterEqual(len(plan.steps), 3)
        self.assertGreater(plan.multiply_adds, 10 * 8 * 27 * 6)
        for b in plan.buffers:
            self.assertLessEqual(b.offset + b.bytes, plan.bytes)
            self.assertLess(b.last, len(plan.steps))
        for a in plan.buffers:
            for b in plan.buffers:
                apart = a.last < b.first or b.last < a.first or a.offset + a.bytes <= b.offset or \
                    b.offset + b.bytes <= a.offset
                self.assertTrue(a is b or apart, (a, b))


class Classes(unittest.TestCase):
    def samples(self, labels):
        return inputs.Samples(np.zeros((len(labels), 2)), None, inputs._as_classes(np.array(labels)), ["a", "b"], "test")

    def test_labels(self):
        self.assertEqual(list(inputs._as_classes(np.array([[0., 1.], [1., 0.]]))), [1, 0])
        self.assertEqual(list(inputs._as_classes(np.array([[0.], [1.]]))), [0, 1])
        self.assertIsNone(inputs._as_classes(np.array([[0.5], [1.]])))

    def test_probabilities(self):
        p = classes.read_predictions(np.array([[2.0], [-1.0]]), self.samples([1, 1]))
        self.assertEqual(list(p.predicted), [1, 0])
        p = classes.read_predictions(np.array([[2.0, -1.0, 0], [-1.0, 3.0, 0]]), self.samples([0, 0]))
        np.testing.assert_allclose(p.probability.sum(axis=1), 1)
        self.assertEqual(p.names, ["a", "b", "2"])
        self.assertEqual(classes.worst_confusions(p), [("a", "b", 1)])
        name, n, recall, precision = classes.class_rates(p)[0]
        self.assertEqual((name, n, recall, precision), ("a", 2, 0.5, 1.0))
        with self.assertRaisesRegex(inputs.ReportError, "not finite"):
            classes.read_predictions(np.array([[np.nan, 1]]), self.samples([0]))
        with self.assertRaisesRegex(inputs.ReportError, "the network has 2 classes"):
            classes.read_predictions(np.array([[0.5, 0.5]]), self.samples([2]))


class Pictures(unittest.TestCase):
    def test_places(self):
        at = np.zeros((100, 2))
        at[:50] = 1
        placed = mosaic.place(at, 40, 30)
        spots = {(x, y) for _, x, y in placed}
        self.assertEqual(len(spots), len(placed))
        self.assertTrue(all(0 <= x < 40 and 0 <= y < 30 for x, y in spots))
        self.assertTrue(all(x > 20 and y < 15 if i < 50 else x < 20 and y > 15 for i, x, y in placed))

    def test_time(self):
        self.assertEqual([layers.time_text(t) for t in (0.0123, 12.3, 4560)], ["12.3 µs", "12.3 ms", "4.56 s"])


if __name__ == "__main__":
    unittest.main()
