"""Images streamed from folders and tar shards: pixels against Pillow, archives of Python's tarfile and
GNU tar, memory for many samples, and training: from memory, from files, on any number of threads, and
over a file that breaks."""

import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import unittest

import numpy as np
from PIL import Image

SIDE = 24
# name, size, how it is saved; from 4 times the side on the decoder makes it smaller
PICTURES = [("small", (20, 31), {}), ("same", (24, 24), {}), ("twice", (95, 200), {}), ("half", (97, 101), {}),
            ("halved", (150, 189), {"subsampling": 0}), ("quarter", (200, 193), {}), ("quartered", (385, 300), {"progressive": True}),
            ("eighth", (384, 384), {}), ("eighths", (1000, 911), {"subsampling": 1})]
MODEL = """from keras import Sequential
from keras.layers import Dense, Flatten, Input

model = Sequential([Input((8, 8, 3)), Flatten(), Dense(4, activation="softmax")])
model.compile(optimizer="adam", loss="LOSS", metrics=["accuracy"])
"""
EPOCHS = ["--epochs", "2", "--batch", "4", "--validate", "test"]


def noise(random, width, height):
    ramp = np.linspace(-60, 315, width)[None, :, None] + random.normal(0, 60, (height, width, 3))
    return Image.fromarray(np.clip(ramp, 0, 255).astype(np.uint8))


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def expected(path):
    """Pillow's thumbnail does it in these two steps, with the same factor of two."""
    image = Image.open(path)
    image.draft(None, (2 * SIDE, 2 * SIDE))
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def read_stream(path, part, side, window, threads, out=""):
    done = subprocess.run([os.environ["READ_STREAM"], path, part, str(side), str(window), str(threads), *([out] if out else [])],
                          capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    return [int(x) for x in done.stdout.split()]


def samples(path, part, window, threads, out):
    """Labels and pixels."""
    read_stream(path, part, SIDE, window, threads, out)
    raw = np.fromfile(out, np.uint8).reshape(-1, 4 + SIDE * SIDE * 3)
    return raw[:, :4].copy().view("<i4")[:, 0], raw[:, 4:].reshape(-1, SIDE, SIDE, 3)


class Stream(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(os.environ["ORACLE_FOLDER"])
        shutil.rmtree(cls.folder, ignore_errors=True)
        cls.folder.mkdir(parents=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def check_labelled(self, path, part, images):
        """The sample with label i is image i, for any window and threads."""
        for window, threads in (0, 1), (5, 0), (5, 1), (5, 3):
            labels, pixels = samples(path, part, window, threads, self.folder / "out")
            self.assertEqual(sorted(labels), list(range(len(images))))
            for label, got in zip(labels, pixels):
                np.testing.assert_array_equal(got, images[label], err_msg=f"{label} of {path}, window {window}")

    def test_pixels(self):
        random = np.random.default_rng(3)
        images = []
        for i, (name, size, options) in enumerate(PICTURES):
            folder = self.folder / "pixels" / "train" / f"{i:02d}"
            folder.mkdir(parents=True)
            (folder / f"{name}.jpg").write_bytes(jpeg(noise(random, *size), **options))
            images.append(expected(folder / f"{name}.jpg"))
        for i, image in enumerate([noise(random, 150, 130), noise(random, 31, 60).convert("P")], len(PICTURES)):
            folder = self.folder / "pixels" / "train" / f"{i:02d}"
            folder.mkdir()
            image.save(folder / "x.png")
            images.append(np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)))
        self.check_labelled(self.folder / "pixels", "train", images)

    def test_archives(self):
        random = np.random.default_rng(4)
        files, images = [], []
        for i in range(12):
            data = jpeg(noise(random, 40, 30))
            images.append(expected(io.BytesIO(data)))
            name = ("long/" * (20 if i % 3 == 1 else 60) if i % 3 else "") + f"{i:06d}"
            files += [(name + ".jpg", data), (name + ".cls", b"%d" % i), (name + ".json", b"{}")]
        for name, form in ("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT):
            folder = self.folder / name
            folder.mkdir()
            for shard in range(2):
                with tarfile.open(folder / f"train-{shard}.tar", "w", format=form) as tar:
                    for path, data in files[18 * shard:18 * (shard + 1)]:
                        if form == tarfile.USTAR_FORMAT:
                            path = path.replace("long/" * 60, "long/" * 20)
                        info = tarfile.TarInfo(path)
                        info.size = len(data)
                        tar.addfile(info, io.BytesIO(data))
            self.check_labelled(folder, "train", images)
        tree = self.folder / "tree"
        for path, data in files:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(data)
        (self.folder / "tool").mkdir()
        subprocess.run(["tar", "cf", self.folder / "tool" / "val.tar", "--sort=name", "-C", tree, "."], check=True)
        self.check_labelled(self.folder / "tool", "test", images)

    # ---- memory

    def many_files(self, count, data):
        folder = self.folder / f"files{count}"
        for c in range(2):
            inside = folder / "train" / f"class{c}"
            inside.mkdir(parents=True)
            for i in range(count // 2):
                name = f"{inside}/{i:08d}.jpg"
                if i % 60000 == 0:  # a file has at most 65,000 names
                    first = name
                    pathlib.Path(name).write_bytes(data)
                else:
                    os.link(first, name)
        return folder

    def many_records(self, count, data):
        folder = self.folder / f"records{count}"
        folder.mkdir()

        def block(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            return info.tobuf() + data + bytes(-len(data) % 512)
        with open(folder / "a.tar", "wb") as f:
            # all have the same names: only neighbours are compared
            pair = block("a.jpg", data) + block("a.cls", b"1") + block("b.jpg", data) + block("b.cls", b"0")
            for _ in range(count // 2000):
                f.write(pair * 1000)
            f.write(bytes(1024))
        return folder

    def test_memory(self):
        few, many = 10000, 1000000 if os.environ.get("LATHE_FULL") else 100000
        data = jpeg(Image.new("RGB", (8, 8), (10, 200, 30)))
        for make in self.many_files, self.many_records:
            took = []
            for count in few, many:
                folder = make(count, data)
                found, kilobytes, _ = read_stream(folder, "train", 4, 1024, 2)
                self.assertEqual(found, count)
                took.append(kilobytes)
                shutil.rmtree(folder)
            print(f"{make.__name__}: {few} samples {took[0]} KB, {many} samples {took[1]} KB", flush=True)
            self.assertLess(took[1] - took[0], 2500)

    # ---- training

    def lathe(self, *args, status=0):
        done = subprocess.run([os.environ["LATHE"], *map(str, args)], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def weights(self, run):
        return (self.folder / run / "weights.safetensors").read_bytes()

    def write_photos(self):
        random = np.random.default_rng(5)
        shards = self.folder / "shards"
        shards.mkdir()
        with tarfile.open(shards / "train.tar", "w") as train, tarfile.open(shards / "test.tar", "w") as test:
            for i in range(60):
                data = jpeg(noise(random, 16 + i, 20))
                label = i % 4
                inside = self.folder / "photos" / ("train" if i < 50 else "test") / "abcd"[label]
                inside.mkdir(parents=True, exist_ok=True)
                (inside / f"{i:02d}.jpg").write_bytes(data)
                for name, part in (f"{i}.jpg", data), (f"{i}.cls", b"%d" % label):
                    info = tarfile.TarInfo(name)
                    info.size = len(part)
                    (train if i < 50 else test).addfile(info, io.BytesIO(part))
        (shards / "classes.txt").write_text("a\nb\nc\nd\n")
        (self.folder / "net.py").write_text(MODEL.replace("LOSS", "sparse_categorical_crossentropy"))
        (self.folder / "hot.py").write_text(MODEL.replace("LOSS", "categorical_crossentropy"))

    def test_training(self):
        self.write_photos()
        out = self.lathe("train", "net.py", "--data", "photos", *EPOCHS, "--input-scale", 255, "-o", "memory")
        self.assertNotIn("waited", out)
        out = self.lathe("train", "hot.py", "--data", "photos", *EPOCHS, "--window", 50, "--class-weight", "1:1", "-o", "all")
        self.assertRegex(out, r"training on 50 samples read from files, validating on 10\n")
        self.assertRegex(out, r"step \(waited \d+[mu]?s/step\) - accuracy")
        self.assertEqual(self.weights("memory"), self.weights("all"))
        out = self.lathe("train", "net.py", "--data", "photos", *EPOCHS, "--window", 8, "--threads", 1, "-o", "one")
        self.assertIn("read from files, shuffled among 8,", out)
        self.assertNotEqual(self.weights("memory"), self.weights("one"))

        # a file that breaks between two epochs, and is repaired
        broken = self.folder / "photos" / "train" / "b" / "13.jpg"
        data = broken.read_bytes()
        arguments = ["train", "net.py", "--data", "photos", *EPOCHS, "--window", "8", "--threads", "3", "-o", "parts"]
        broken.write_bytes(data[:200])
        out = self.lathe(*arguments, status=1)
        self.assertRegex(out, r"lathe: error: photos/train/b/13.jpg: damaged JPEG image: .*\n"
                         r"  stopped in epoch 1 after batch \d+ of 13; saved parts/checkpoint.safetensors, --resume continues")
        broken.write_bytes(data)
        self.lathe(*arguments, "--resume")
        self.assertEqual(self.weights("one"), self.weights("parts"))
        self.assertNotEqual(re.search(r"batch (\d+)", out)[1], "0")

        # shards, in memory and not
        self.lathe("train", "net.py", "--data", "shards", *EPOCHS, "--window", 8, "-o", "shards-run")
        weights = ["--weights", "shards-run/weights.safetensors"]
        self.assertEqual(self.lathe("evaluate", "net.py", "--data", "shards", *weights),
                         self.lathe("evaluate", "net.py", "--data", "photos", *weights))
        out = self.lathe("predict", "net.py", "--data", "shards", *weights, "--grid", "grid.png", "--count", 5)
        self.assertRegex(out, r"\d of 5 right; drew grid.png")
