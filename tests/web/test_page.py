"""The page of examples/web in headless Chromium: digits drawn with the mouse, and the numbers of native code."""
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import numpy as np

import browser

SOURCE, LATHE, FOLDER = (os.environ[name] for name in ("LATHE_SOURCE", "LATHE", "WEB_FOLDER"))
MNIST = os.path.join(os.environ.get("LATHE_DATA", ""), "mnist")
IMAGES = 200
# Strokes on a board of 100 x 100, as people draw them.
STROKES = {
    0: [[(50, 12), (34, 18), (25, 35), (23, 55), (30, 76), (46, 88), (62, 82), (74, 64), (75, 42), (68, 22), (50, 12)]],
    1: [[(56, 10), (53, 35), (50, 62), (47, 90)]],
    2: [[(28, 30), (36, 17), (52, 12), (67, 20), (70, 35), (60, 52), (44, 68), (27, 86), (48, 85), (76, 84)]],
    3: [[(30, 18), (48, 12), (65, 20), (66, 34), (52, 46), (44, 48), (60, 52), (70, 66), (62, 82), (44, 89), (27, 82)]],
    4: [[(38, 12), (32, 32), (27, 52), (48, 53), (75, 52)], [(66, 14), (62, 50), (58, 90)]],
    5: [[(70, 13), (38, 14), (34, 45), (52, 41), (68, 52), (70, 70), (56, 86), (30, 85)]],
    7: [[(25, 17), (50, 16), (74, 15), (64, 40), (53, 65), (45, 90)]],
}


def run(*words):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=FOLDER)
    if done.returncode != 0:
        raise AssertionError("%s\n%s%s" % (" ".join(done.args), done.stdout, done.stderr))
    return done.stdout


def native(weights, pixels, *options):
    """What `lathe predict` makes of the pictures."""
    np.save(os.path.join(FOLDER, "x.npy"), pixels.astype(np.float32).reshape(-1, 28, 28, 1))
    run(LATHE, "predict", os.path.join(SOURCE, "examples/lenet5/lenet5.py"), "--weights", weights, "--input", "x.npy",
        "--output", "y.npy", *options)
    return np.load(os.path.join(FOLDER, "y.npy"))


def first_images(count):
    """Of MNIST's test set, and their labels."""
    with gzip.open(os.path.join(MNIST, "t10k-images-idx3-ubyte.gz")) as f:
        images = np.frombuffer(f.read(16 + 784 * count), np.uint8)[16:].reshape(count, 28, 28)
    with gzip.open(os.path.join(MNIST, "t10k-labels-idx1-ubyte.gz")) as f:
        return images, np.frombuffer(f.read(8 + count), np.uint8)[8:]


@unittest.skipUnless(os.path.isdir(MNIST), "no MNIST: LATHE_DATA has none")
class DrawnDigits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.makedirs(FOLDER)
        run(LATHE, "train", os.path.join(SOURCE, "examples/lenet5/lenet5.py"), "--data", MNIST, "--epochs", 1, "-o", "run")
        cls.weights = os.path.join(FOLDER, "run", "weights.safetensors")
        run(os.path.join(SOURCE, "examples/web/build"), "--weights", cls.weights, "--data", MNIST, "-o", FOLDER)
        cls.page = browser.Page(FOLDER, pathlib.Path(FOLDER, "index.html").as_uri())
        cls.addClassCleanup(cls.page.close)
        cls.page.evaluate("new Promise(done => { const wait = () => network ? done() : setTimeout(wait, 5); wait(); })")

    def tearDown(self):
        self.assertEqual(self.page.console, [])

    def settled(self, expression):
        """Its value after what was asked for has been drawn."""
        return self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(%s))))"
                                  % expression)

    def draw(self, strokes, left=0.0, top=0.0, size=1.0):
        """With the mouse, into a part of the board."""
        board = self.page.evaluate("(({left, top, width}) => [left, top, width])(board.getBoundingClientRect())")
        at = lambda point: (board[0] + board[2] * (left + size * point[0] / 100), board[1] + board[2] * (top + size * point[1] / 100))
        for stroke in strokes:
            self.page.mouse("mousePressed", *at(stroke[0]), 1)
            for point in stroke[1:]:
                self.page.mouse("mouseMoved", *at(point), 1)
            self.page.mouse("mouseReleased", *at(stroke[-1]), 0)

    def clear(self):
        x, y = self.page.evaluate("(({x, y, width, height}) => [x + width / 2, y + height / 2])"
                                  "(element('clear').getBoundingClientRect())")
        self.page.mouse("mousePressed", x, y, 1)
        self.page.mouse("mouseReleased", x, y, 0)
        self.assertEqual(self.settled("element('answer').innerText.trim()"), "nothing drawn yet")

    def answer(self):
        return self.settled("element('answer').firstElementChild.textContent")

    def test_digits(self):
        for digit, strokes in STROKES.items():
            self.draw(strokes)
            self.assertEqual(self.answer(), str(digit))
            self.page.screenshot(os.path.join(FOLDER, "drawn_%d.png" % digit))
            self.clear()

    def test_small_and_elsewhere(self):
        for digit in (2, 4, 7):
            self.draw(STROKES[digit], left=0.6, top=0.05, size=0.35)
            self.assertEqual(self.answer(), str(digit))
            self.clear()

    def test_shown_numbers(self):
        self.draw(STROKES[3])
        shown = self.settled("[...document.querySelectorAll('#bars li')].map(row => [row.textContent, parseFloat("
                             "row.querySelector('b').style.width), row.className])")
        p = np.array(self.page.evaluate("probabilities(picture())"))
        pixels = np.array(self.page.evaluate("[...picture()]"), np.float32)
        self.clear()
        self.assertAlmostEqual(p.sum(), 1, places=5)
        for digit, (text, width, name) in enumerate(shown):
            self.assertEqual(text, "%d%.1f %%" % (digit, 100 * p[digit]))
            self.assertAlmostEqual(width, 100 * p[digit], places=3)
            self.assertEqual(name, "best" if digit == 3 else "")
        np.testing.assert_array_equal(p, native(self.weights, pixels, "--target", "sse2")[0])

    def test_picture_is_like_those_of_the_data_set(self):
        """Ink in a box of 20 x 20 around the centre of mass, from 0 to 1."""
        self.draw(STROKES[4], left=0.1, size=0.5)
        pixels = np.array(self.settled("[...picture()]")).reshape(28, 28)
        self.clear()
        rows, columns = np.nonzero(pixels > 0.02)
        self.assertIn(rows.max() - rows.min() + 1, (20, 21))
        self.assertLessEqual(columns.max() - columns.min() + 1, 21)
        self.assertAlmostEqual((pixels.sum(1) @ np.arange(28)) / pixels.sum(), 13.5, delta=0.1)
        self.assertAlmostEqual((pixels.sum(0) @ np.arange(28)) / pixels.sum(), 13.5, delta=0.1)
        self.assertLessEqual(pixels.max(), 1.000001)
        self.assertGreater(pixels.max(), 0.99)

    def test_images_of_the_data_set(self):
        """The bits of SSE2, which has no fused multiply-add either; those of this machine up to rounding."""
        images, labels = first_images(IMAGES)
        pixels = (images.astype(np.float32) / np.float32(255)).reshape(IMAGES, -1)
        got = np.array(self.page.evaluate("%s.map(probabilities)" % json.dumps(pixels.tolist())), np.float32)
        np.testing.assert_array_equal(got, native(self.weights, pixels, "--target", "sse2"))
        host = native(self.weights, pixels)
        self.assertLessEqual(np.abs(got - host).max(), 1e-5)
        self.assertGreaterEqual((got.argmax(1) == labels).mean(), 0.95)

    def test_needs_nothing_else(self):
        self.assertEqual(self.page.evaluate("performance.getEntriesByType('resource').length"), 0)

    def test_narrow(self):
        self.page.command("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
        self.draw(STROKES[5])
        self.assertEqual(self.answer(), "5")
        self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), 390)
        self.page.screenshot(os.path.join(FOLDER, "narrow.png"))
        self.page.command("Emulation.clearDeviceMetricsOverride")
        self.clear()


if __name__ == "__main__":
    unittest.main()
