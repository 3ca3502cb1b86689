"""How long training waits for images: stream.py LATHE FOLDER IMAGES. A folder of JPEG photographs
(256 x 256 pixels, blurred noise of about 20 KB each) is trained on twice, from memory and from files, by
a network whose step is long and by one whose step is short against the decoding of its batch."""
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
from PIL import Image, ImageFilter

import machine

SCRIPT = """from keras import Sequential
from keras.layers import Conv2D, Dense, Flatten, GlobalAveragePooling2D, Input, MaxPooling2D

model = Sequential([Input((96, 96, 3)), LAYERS, Dense(4, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
BLOCK = 'Conv2D({0}, 3, activation="relu", padding="same"), Conv2D({0}, 3, activation="relu", padding="same"), MaxPooling2D()'
NETWORKS = {"long": ", ".join([BLOCK.format(64), BLOCK.format(128), BLOCK.format(256), "GlobalAveragePooling2D()"]),
            "short": 'Conv2D(8, 3, strides=2, activation="relu"), MaxPooling2D(), Flatten()'}
UNITS = {"": 1.0, "m": 1e-3, "u": 1e-6}


def write_photos(folder, count):
    random = np.random.default_rng(1)
    for i in range(count):
        path = folder / "train" / "abcd"[i % 4] / f"{i:06d}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(random.integers(0, 256, (256, 256, 3), np.uint8))
        image.filter(ImageFilter.GaussianBlur(1 + i % 3)).save(path, "JPEG", quality=90)


def train(lathe, folder, name, options):
    """Seconds of a step, and of these waited for the batch."""
    out = subprocess.run([lathe, "train", folder / f"{name}.py", "--data", folder / "photos", "--epochs", "2", "-o", folder / "run", *options],
                         capture_output=True, text=True, check=True).stdout
    step = re.findall(r"(?<!waited) (\d+)([mu]?)s/step", out)[-1]
    waited = re.findall(r"waited (\d+)([mu]?)s/step", out)
    return [float(n) * UNITS[unit] for n, unit in [step, waited[-1] if waited else ("0", "")]]


def main():
    lathe, folder, count = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    write_photos(folder / "photos", count)
    print(f"{machine.cpu_fields()['model name']}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    print(f"{count} JPEG images of 256 x 256, scaled to 96 x 96; batches of 32; the second epoch.\n")
    print("| step | from memory | from files | of these waited |\n|---|--:|--:|--:|")
    for name, layers in NETWORKS.items():
        (folder / f"{name}.py").write_text(SCRIPT.replace("LAYERS", layers))
        memory, _ = train(lathe, folder, name, [])
        files, waited = train(lathe, folder, name, ["--window", "16384"])
        print(f"| {name} | {1e3 * memory:.2f} ms | {1e3 * files:.2f} ms | {1e3 * waited:.3f} ms, {100 * waited / files:.1f} % |", flush=True)


main()
