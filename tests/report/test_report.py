"""`lathe report` on runs of several kinds, and what it says where something is missing."""
import glob
import os
import shutil
import subprocess
import sys
import unittest
import venv
import xml.etree.ElementTree

import numpy as np
from PIL import Image

import runs

CHARTS = {"curves", "times", "plan"}
CLASSES = {"confusion", "pca-variance", "pca", "tsne"}
PICTURES = {"predictions", "filters", "features"}
FULL = bool(os.environ.get("LATHE_FULL"))


def pictures(report):
    """The names of drawn pictures, and the sizes of the PNG files."""
    sizes = {}
    for path in glob.glob(os.path.join(report, "*.png")):
        with Image.open(path) as image:
            image.load()
            sizes[os.path.basename(path)[:-4]] = image.size
    return sizes


class Kinds(unittest.TestCase):
    def check(self, folder, drawn, mosaics):
        report = os.path.join(folder, "run", "report")
        sizes = pictures(report)
        self.assertEqual(set(sizes), drawn | ({"pca-mosaic", "tsne-mosaic"} if mosaics else set()))
        for name in drawn:
            self.assertGreaterEqual(sizes[name][0], 500, name)
            root = xml.etree.ElementTree.parse(os.path.join(report, name + ".svg")).getroot()
            self.assertTrue(root.tag.endswith("svg"))
        for name in ("pca-mosaic", "tsne-mosaic") if mosaics else ():
            self.assertEqual(sizes[name], (4000, 3000))
        self.assertTrue(os.path.exists(os.path.join(report, "index.html")))
        self.assertEqual(os.listdir(os.path.join(folder, "tmp")), [])
        self.assertEqual([f for f in os.listdir(os.path.join(folder, "run")) if f.startswith(".")], [])
        with open(os.path.join(report, "index.html"), encoding="utf-8") as f:
            return f.read()

    def test_colour_images_with_validation(self):
        folder = runs.fresh("colour")
        runs.train_images(folder, 4, (12, 10, 3), "--validate", "test")
        done = runs.good(runs.run(folder, "report", "run", "--image", 2))
        page = self.check(folder, CHARTS | CLASSES | PICTURES, True)
        self.assertIn("wrote run/report/index.html", done.stdout)
        self.assertRegex(done.stderr, r"predictions of 60 samples: [0-9.]+ s\n")
        self.assertIn("Validation accuracy, last epoch (best)", page)
        self.assertIn("image 2", page)

    @unittest.skipUnless(FULL, "drawing takes long: with LATHE_FULL")
    def test_many_grey_classes_without_validation(self):
        folder = runs.fresh("many")
        runs.train_images(folder, 120, (9, 9, 1), train=360, test=240)
        runs.good(runs.run(folder, "report", "run"))
        page = self.check(folder, CHARTS | CLASSES | PICTURES, True)
        self.assertNotIn("Validation", page)
        self.assertIn("the others are grey", page)

    @unittest.skipUnless(FULL, "drawing takes long: with LATHE_FULL")
    def test_without_test_set(self):
        folder = runs.fresh("training")
        runs.train_images(folder, 2, (8, 8, 1), test=0)
        runs.good(runs.run(folder, "report", "run"))
        self.assertIn("240 training images", self.check(folder, CHARTS | CLASSES | PICTURES, True))

    def test_two_classes_of_vectors(self):
        folder = runs.fresh("vectors")
        runs.train_vectors(folder, "sigmoid", "binary_crossentropy", lambda x: (x[:, 0] > 0).astype(np.int32))
        runs.good(runs.run(folder, "report", "run"))
        self.check(folder, CHARTS | CLASSES, False)

    def test_values_instead_of_classes(self):
        folder = runs.fresh("values")
        runs.train_vectors(folder, "linear", "mse", lambda x: x[:, :1] * 2)
        for run in ("run", "run/"):  # an earlier report is replaced
            runs.good(runs.run(folder, "report", run))
            self.check(folder, CHARTS, False)


class Errors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = runs.fresh("errors")
        runs.train_images(cls.folder, 3, (8, 8, 1))

    def setUp(self):
        self.run = os.path.join(self.folder, "copy")
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.copytree(os.path.join(self.folder, "run"), self.run)

    def refuses(self, text, *options, **environment):
        done = runs.run(self.folder, "report", *(options or ("copy",)), **environment)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(done.stderr.count("lathe: error: "), 1, done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.run, "report")))
        self.assertEqual(os.listdir(os.path.join(self.folder, "tmp")), [])
        self.assertEqual([f for f in os.listdir(self.run) if f.startswith(".")], [])

    def write(self, name, text):
        with open(os.path.join(self.run, name), "w") as f:
            f.write(text)

    def test_folder(self):
        self.refuses("there is no such folder", "nowhere")
        self.refuses("lathe report needs more", "--image", "2")

    def test_history(self):
        """What else it may hold is in test_parts.py."""
        self.write("history.csv", "epoch,loss\n1,x\n")
        self.refuses("'x' is not a number")
        os.remove(os.path.join(self.run, "history.csv"))
        self.refuses("there is no history.csv in it")

    def test_weights(self):
        self.write("weights.safetensors", "nonsense")
        self.refuses("weights.safetensors")
        os.remove(os.path.join(self.run, "weights.safetensors"))
        self.refuses("there is no weights.safetensors in it")

    def test_model(self):
        os.remove(os.path.join(self.run, "net.py"))
        self.refuses("name the model: lathe report RUN MODEL")
        self.write("a.py", "")
        self.write("b.py", "")
        self.refuses("there are several models in it")

    def test_data(self):
        os.remove(os.path.join(self.run, "data.txt"))
        self.refuses("lathe report needs --data PATH")
        self.refuses("absent", "copy", "--data", "absent.npz")
        self.refuses("--image 61: data.npz has 60 samples", "copy", "--data", "data.npz", "--image", "61")

    def test_output(self):
        self.refuses("is no report; name another folder", "copy", "-o", self.folder)
        self.refuses("is no report; name another folder", "copy", "-o", "data.npz")

    def test_python(self):
        self.refuses("'no-such-python' cannot be run", LATHE_PYTHON="no-such-python")
        empty = os.path.join(self.folder, "empty")
        venv.create(empty, with_pip=False)
        self.refuses("scikit-learn, matplotlib, seaborn", LATHE_PYTHON=os.path.join(empty, "bin", "python"))

    def test_interrupted(self):
        process = subprocess.Popen([runs.LATHE, "report", "copy"], cwd=self.folder, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "TMPDIR": os.path.join(self.folder, "tmp"),
                                        "LATHE_PYTHON": sys.executable})
        line = process.stderr.readline()
        self.assertIn("data", line)
        process.terminate()
        said = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, 130, said)
        self.assertIn("nothing was written", said)
        self.assertEqual(os.listdir(os.path.join(self.folder, "tmp")), [])
        self.assertEqual([f for f in os.listdir(self.run) if f.startswith(".")], [])


if __name__ == "__main__":
    unittest.main()
