"""Training goes on from an ONNX network: the losses and weights of lathe train are those of the Keras script
with the same weights, whether the ONNX graph has its channels first, as most have, or last.

usage: test_train.py LATHE
"""

import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

SCRIPT = """
from keras import Sequential
from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from keras.optimizers import Adam

model = Sequential([
    Input(shape=(32, 32, 3)),
    Conv2D(4, 3, strides=2, padding="valid", activation="relu", name="a"),
    MaxPooling2D(3),
    Conv2D(6, 3, padding="same", activation="relu", name="b"),
    Flatten(),
    Dense(10, activation="softmax", name="c"),
])
model.compile(optimizer=Adam(0.003), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

TRAINING = ("--loss", "categorical_crossentropy", "--optimizer", "adam", "--learning-rate", "0.003")
FAILED = []


def check(ok, text):
    if not ok:
        FAILED.append(text)
        print(f"FAILED: {text}")


def run(lathe, *args, status=0):
    done = subprocess.run([lathe, *map(str, args)], capture_output=True, text=True, timeout=300)
    check(done.returncode == status, f"{args}: status {done.returncode}: {done.stderr}")
    return done.stdout if status == 0 else done.stderr


def write_data(folder):
    """A small data set in CIFAR-10's format: noise over a colour that depends on the class."""
    folder.mkdir()
    rng = np.random.default_rng(4)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    for name in names:
        labels = rng.integers(0, 10, 64).astype(np.uint8)
        pixels = rng.integers(0, 60, (64, 3, 1024)) + (labels[:, None, None] * [[20], [5], [13]])
        records = np.concatenate([labels[:, None], pixels.reshape(64, -1).astype(np.uint8)], axis=1)
        (folder / name).write_bytes(records.tobytes())
    (folder / "batches.meta.txt").write_text("".join(f"class{i}\n" for i in range(10)))


def channels_first(weights, batch):
    """The script's network as other tools export it."""
    dense = weights["c/kernel"].reshape(5, 5, 6, 10).transpose(2, 0, 1, 3).reshape(150, 10)
    tensors = {"wa": weights["a/kernel"].transpose(3, 2, 0, 1), "ba": weights["a/bias"],
               "wb": weights["b/kernel"].transpose(3, 2, 0, 1), "bb": weights["b/bias"],
               "wc": dense.T, "bc": weights["c/bias"]}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "wa", "ba"], ["1"], strides=[2, 2]),
         helper.make_node("Relu", ["1"], ["2"]),
         helper.make_node("MaxPool", ["2"], ["3"], kernel_shape=[3, 3], strides=[3, 3]),
         helper.make_node("Conv", ["3", "wb", "bb"], ["4"], pads=[1, 1, 1, 1]),
         helper.make_node("Relu", ["4"], ["5"]),
         helper.make_node("Flatten", ["5"], ["6"]),
         helper.make_node("Gemm", ["6", "wc", "bc"], ["7"], transB=1),
         helper.make_node("Softmax", ["7"], ["p"])], "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 32, 32])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, [batch, 10])],
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in tensors.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def history(folder):
    with open(folder / "history.csv") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def compare(name, folder, script):
    ours, theirs = history(folder), history(script)
    check(len(ours) == 2, f"{name}: {len(ours)} epochs")
    for a, b in zip(ours, theirs):
        for quantity in ("loss", "val_loss"):
            check(abs(a[quantity] - b[quantity]) <= 1e-4 * abs(b[quantity]),
                  f"{name}: {quantity} {a[quantity]} instead of {b[quantity]}")
    check(theirs[1]["loss"] < 0.98 * theirs[0]["loss"], f"it does not learn: {theirs}")


def main():
    lathe = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        folder = Path(name)
        write_data(folder / "data")
        Path("net.py").write_text(SCRIPT)
        run(lathe, "convert", "net.py", "net.safetensors", "--seed", 3)
        run(lathe, "convert", "net.py", "last.onnx", "--seed", 3)
        weights = load_file("net.safetensors")
        onnx.save(channels_first(weights, "n"), "first.onnx")
        onnx.save(channels_first(weights, 1), "single.onnx")
        rest = ("--data", "data", "--epochs", 2, "--batch", 16, "--seed", 9, "--input-scale", 255,
                "--validate", "test")
        run(lathe, "train", "net.py", "--weights", "net.safetensors", "-o", "script", *rest)
        for model in ("last", "first", "single"):
            run(lathe, "train", f"{model}.onnx", "-o", model, *TRAINING, *rest)
            compare(model, folder / model, folder / "script")
        trained = load_file("first/weights.safetensors")
        expected = load_file("script/weights.safetensors")
        check(np.allclose(trained["bc"], expected["c/bias"], rtol=1e-3, atol=1e-5), "the last bias")

        # Evaluation, prediction and an ONNX file of what was trained.
        trained = ("--weights", "first/weights.safetensors")
        text = run(lathe, "evaluate", "first.onnx", *trained, "--data", "data", *TRAINING[:2])
        loss = history(folder / "first")[1]["val_loss"]
        check(abs(float(text.split("loss: ")[1]) - loss) < 1e-3, f"{text} instead of {loss}")
        text = run(lathe, "predict", "first.onnx", *trained, "--data", "data", "--grid", "grid.png")
        check(text.endswith("right; drew grid.png\n"), text)
        run(lathe, "predict", "first.onnx", *trained, "grid.png")
        run(lathe, "convert", "first.onnx", "trained.onnx", *trained)
        port = onnx.load("trained.onnx").graph.input[0]
        check(port.name == "x" and [d.dim_value for d in port.type.tensor_type.shape.dim] == [0, 3, 32, 32],
              f"the converted model has the input {port}")

        # What cannot be trained says so, and makes no folder.
        for args, word in ((("-o", "run"), "--loss"),
                           (("-o", "run.keras", *TRAINING), "no Keras layers"),
                           (("-o", "run", "--loss", "cross"), "unknown loss 'cross'")):
            text = run(lathe, "train", "first.onnx", "--data", "data", *args, status=1)
            check(word in text and not Path("run").exists(), f"{args}: {text}")
    print(f"{len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
