"""ONNX files that lathe writes, run by ONNX Runtime: what the onnx package's converted tests expect, and
what Keras computes for its own models.

usage: test_write.py LATHE EXAMPLES
"""

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests
from safetensors.numpy import load_file, save_file

warnings.filterwarnings("ignore")

LEAST = 60  # of the converted tests are written; others use what ONNX or the writer does not have

MIXED = """
import keras
from keras import layers

x = keras.Input((13, 12, 3))
a = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(layers.RandomFlip()(x))
a = layers.Activation("gelu")(layers.BatchNormalization()(a))
b = layers.SeparableConv2D(6, 3, padding="same", activation="silu")(a)
c = layers.Add()([a, b])
d = layers.AveragePooling2D(3, strides=1, padding="same")(c)
e = layers.Concatenate()([c, d, layers.Conv2D(4, 1, activation="relu6")(a)])
e = layers.Conv2DTranspose(5, 3, strides=2, padding="same")(layers.ZeroPadding2D(((0, 1), (2, 0)))(e))
e = layers.Dropout(0.5)(layers.LayerNormalization()(e))
f = layers.GlobalAveragePooling2D()(e)
g = layers.Dense(7, activation="tanh")(layers.Flatten()(layers.MaxPooling2D(2)(e)))
y = layers.Dense(4, activation="softmax")(layers.Concatenate()([f, g]))
model = keras.Model(x, y)
"""


def read(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def run(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs)))


def convert(lathe, model, out, *options):
    done = subprocess.run([lathe, "convert", model, out, *options], capture_output=True, text=True)
    return done.returncode, done.stderr


def close(y, z):
    return y.shape == z.shape and np.abs(y - z).max() <= 1e-5 * np.abs(y).max() + 1e-6


def check_converted(lathe, out):
    """The tests of the onnx package, read and written again; what the writer lacks is skipped."""
    failed, written = 0, 0
    for test in load_model_tests(kind="pytorch-converted"):
        status, text = convert(lathe, Path(test.model_dir) / "model.onnx", out)
        if status:
            if status != 1 or "internal error" in text or not text:
                print(f"FAILED {test.name}: {text}")
                failed += 1
            continue
        written += 1
        data = Path(test.model_dir) / "test_data_set_0"
        inputs = [read(data / f"input_{i}.pb") for i in range(len(list(data.glob("input_*"))))]
        try:
            good = close(read(data / "output_0.pb"), run(out, inputs)[0])
        except Exception as problem:  # ONNX Runtime's own refusal
            good, text = False, str(problem)
        if not good:
            print(f"FAILED {test.name}: {text[:300]}")
            failed += 1
    print(f"{written} converted tests written")
    return failed + (written < LEAST)


def with_weights(lathe, script, path):
    """The script's model as a Keras file, every weight and statistic moved away from its initial value."""
    status, text = convert(lathe, script, path)
    assert status == 0, text
    model, rng = keras.saving.load_model(path), np.random.default_rng(1)
    model.set_weights([w + 0.1 * np.abs(rng.standard_normal(w.shape)) * (np.ndim(w) == 1)
                       for w in model.get_weights()])
    model.save(path)


def check_keras(lathe, path, out):
    """The file's model in Keras and, written as ONNX, in ONNX Runtime."""
    model = keras.saving.load_model(path)
    status, text = convert(lathe, path, out)
    x = np.random.default_rng(2).standard_normal((3, *model.input_shape[1:])).astype(np.float32)
    if status == 0 and close(np.asarray(model(x, training=False)), run(out, [x])[0]):
        return 0
    print(f"FAILED {path}: {text}")
    return 1


def check_messages(lathe, folder):
    """All that cannot be written is in one message; nothing is written."""
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("ArgMax", ["x"], ["i"], name="first", axis=1, keepdims=0),
         helper.make_node("Relu", ["x"], ["y"], name="between"),
         helper.make_node("TopK", ["y", "k"], ["v", "j"], name="second", axis=1)], "g",
        [port("x", TensorProto.FLOAT, ["n", 5])],
        [port("i", TensorProto.INT64, None), port("v", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array([2]), "k"),
         numpy_helper.from_array(np.ones(3, np.float32), "unused")])
    model = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
    failed = 0
    for out, words in {"out.onnx": ("cannot hold these", "(arg_reduce)", "(top_k)"),
                       "out.keras": ("model.onnx is an ONNX graph, which has no Keras layers",),
                       "out.h5": ("model.onnx is an ONNX graph, which has no Keras layers",),
                       "out.pb": (".safetensors, .onnx",)}.items():
        status, text = convert(lathe, model, folder / out)
        missing = [w for w in words if w not in text]
        if status != 1 or missing or text.count("error:") != 1 or (folder / out).exists():
            print(f"FAILED {out}: status {status}, missing {missing}: {text}")
            failed += 1
    return failed


def check_safetensors(lathe, model, out):
    """The weights of an ONNX file by themselves make the same network again; other weights another."""
    weights = out.with_suffix(".safetensors")
    status, text = convert(lathe, model, weights)
    x = np.random.default_rng(3).standard_normal((2, 32, 32, 3)).astype(np.float32)
    results = [run(model, [x])[0]] if status == 0 else []
    for factor in (1, 2):
        if status == 0:
            save_file({k: v * np.float32(factor) for k, v in load_file(weights).items()}, weights)
            status, text = convert(lathe, model, out, "--weights", weights)
        if status == 0:
            results.append(run(out, [x])[0])
    if status == 0 and np.array_equal(results[0], results[1]) and not close(results[0], results[2]):
        return 0
    print(f"FAILED {model} as safetensors: {text}")
    return 1


def main():
    lathe, examples = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "written.onnx"
        failed = check_converted(lathe, out)
        failed += check_messages(lathe, folder)
        (folder / "mixed.py").write_text(MIXED)
        scripts = [examples / "cifar10/model1.py", examples / "cifar10/convbn.py",
                   examples / "resnet20/resnet20.py", folder / "mixed.py"]
        for script in scripts:
            path = folder / f"{script.stem}.keras"
            with_weights(lathe, script, path)
            failed += check_keras(lathe, path, folder / f"{script.stem}.onnx")
        failed += check_safetensors(lathe, folder / "convbn.onnx", out)
        network = Path(os.environ.get("LATHE_DATA", "")) / "weights/squeezenet_v1.0_imagenet.keras"
        if network.exists():
            failed += check_keras(lathe, network, out)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
