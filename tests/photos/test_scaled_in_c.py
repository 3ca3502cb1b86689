"""The scaling of photographs in generated C: the same bytes as Pillow's, the same prediction as `lathe predict`,
no warnings, and no use of a photograph that is too small."""

import os
import subprocess
import unittest

import numpy as np
from PIL import Image

from photos import FOLDER, lathe

MODEL = """from keras import Input, Model
from keras.layers import Conv2D, Dense, GlobalAveragePooling2D

image = Input((20, 24, {channels}), name="image")
x = Conv2D(8, 3, strides=2, activation="relu")(image)
model = Model(image, Dense(5, activation="softmax")(GlobalAveragePooling2D()(x)))
"""

# main HEIGHT WIDTH PHOTOGRAPH SCALED OUTPUT
PROGRAM = """#include "net.h"
#include <stdio.h>
#include <stdlib.h>

static _Alignas(64) unsigned char workspace[NET_WORKSPACE_BYTES];
static uint8_t scaled[NET_INPUT_COUNT];

static void save(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) exit(1);
}

int main(int argc, char **argv) {
    const int height = atoi(argv[argc - 5]), width = atoi(argv[argc - 4]);
    const size_t bytes = (size_t)height * (size_t)width * (NET_INPUT_COUNT / 480);
    float output[NET_OUTPUT_COUNT];
    net_weights weights;
    size_t scratch = net_scale_scratch(height, width);
    if (!scratch) return 3;
    uint8_t *pixels = malloc(bytes);
    void *work = malloc(scratch);
    FILE *f = fopen(argv[argc - 3], "rb");
    if (!pixels || !work || !f || fread(pixels, 1, bytes, f) != bytes) return 1;
    fclose(f);
    if (net_weights_open(&weights, net_model.embedded_weights, NET_WEIGHTS_BYTES) != LATHE_OK) return 1;
    net_scale_image(pixels, height, width, work, scaled);
    net_predict_u8(&weights, workspace, 1, scaled, output);
    save(argv[argc - 2], scaled, sizeof scaled);
    save(argv[argc - 1], output, sizeof output);
    free(pixels);
    free(work);
    return 0;
}
"""

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def middle(image, filter_, shorter):
    if not shorter:
        return np.asarray(image.resize((24, 20), filter_))
    least = min(image.size)
    size = shorter * image.width // least, shorter * image.height // least
    left, top = (size[0] - 24) // 2, (size[1] - 20) // 2
    return np.asarray(image.resize(size, filter_).crop((left, top, left + 24, top + 20)))


class ScaledInC(unittest.TestCase):
    def build(self, name, channels, *options):
        self.folder = FOLDER / name
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "net.py").write_text(MODEL.format(channels=channels))
        (self.folder / "main.c").write_text(PROGRAM)
        lathe("compile", self.folder / "net.py", "--seed", 3, "-o", self.folder, *options)
        lathe("convert", self.folder / "net.py", self.folder / "net.safetensors", "--seed", 3)
        subprocess.run([os.environ["CC"], "-std=c11", "-O1", *WARNINGS, "-fsanitize=address,undefined",
                        "-fno-sanitize-recover=all", "main.c", "net.c", "-lm", "-o", "main"], cwd=self.folder, check=True)

    def run_on(self, height, width, photograph):
        photograph.tofile(self.folder / "photograph")
        return subprocess.run([self.folder / "main", str(height), str(width), "photograph", "scaled", "output"],
                              cwd=self.folder).returncode

    def compare(self, sizes, channels, filter_, shorter, *preprocess):
        options = ["--resize", filter_, *preprocess] + (["--shorter", shorter] if shorter else [])
        self.build(f"{filter_}{channels}", channels, *options)
        for height, width in sizes:
            pixels = np.random.default_rng(height).integers(0, 256, (height, width, channels), np.uint8)
            image = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
            expected = middle(image, getattr(Image.Resampling, filter_.upper()), shorter).reshape(20, 24, channels)
            with self.subTest(filter=filter_, size=(height, width)):
                self.assertEqual(self.run_on(height, width, pixels), 0)
                got = np.fromfile(self.folder / "scaled", np.uint8).reshape(20, 24, channels)
                np.testing.assert_array_equal(got, expected)
                np.save(self.folder / "x.npy", expected[None])
                lathe("predict", self.folder / "net.py", "--weights", self.folder / "net.safetensors", *preprocess,
                      "--input", self.folder / "x.npy", "--output", self.folder / "y.npy")
                np.testing.assert_array_equal(np.fromfile(self.folder / "output", np.float32),
                                              np.load(self.folder / "y.npy")[0])

    def test_whole(self):
        self.compare([(97, 61), (7, 30), (20, 24)], 3, "bilinear", 0, "--preprocess", "caffe")
        self.compare([(97, 61), (7, 30)], 1, "nearest", 0)

    def test_middle(self):
        self.compare([(97, 61), (50, 333)], 3, "bicubic", 26, "--preprocess", "torch")

    def test_refused(self):
        """A middle of 20 x 24 pixels does not fit where the shorter side, the width, has 22."""
        self.build("refused", 3, "--resize", "lanczos", "--shorter", "22")
        self.assertEqual(self.run_on(40, 22, np.zeros((40, 22, 3), np.uint8)), 3)
        self.assertEqual(self.run_on(16385, 1, np.zeros(0, np.uint8)), 3)

    def test_warnings(self):
        """As C and as C++, with gcc and with clang."""
        self.build("warnings", 3, "--resize", "hamming")
        for compiler, language in [("gcc", ["-std=c99"]), ("clang", ["-std=c99"]), ("g++", ["-x", "c++"]),
                                   ("clang++", ["-x", "c++"])]:
            with self.subTest(compiler=compiler):
                subprocess.run([compiler, *language, "-O2", *WARNINGS, "-c", "net.c", "-o", "net.o"], cwd=self.folder,
                               check=True)
