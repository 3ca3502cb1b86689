"""ONNX files that lathe writes, run by ONNX Runtime: what the onnx package's converted tests expect, and
what the interpreter computes for Keras scripts.

usage: test_write.py CONVERT INTERPRET SCRIPT...
"""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

warnings.filterwarnings("ignore")

LEAST = 60  # of the converted tests are written; others use what ONNX or the writer does not have


def read(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def run(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs)))


def convert(command, model, out):
    done = subprocess.run([command, model, out], capture_output=True, text=True)
    return done.returncode == 0, done.stderr


def close(y, z):
    return y.shape == z.shape and np.abs(y - z).max() <= 1e-5 * np.abs(y).max() + 1e-6


def main():
    command, interpret, scripts = sys.argv[1], sys.argv[2], sys.argv[3:]
    failed, written = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.onnx"
        for test in load_model_tests(kind="pytorch-converted"):
            ok, text = convert(command, Path(test.model_dir) / "model.onnx", out)
            if not ok:
                if "internal error" in text or not text:
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
        for script in scripts:
            ok, text = convert(command, script, out)
            rng = np.random.default_rng(1)
            shape = [d if isinstance(d, int) else 2 for d in
                     onnxruntime.InferenceSession(out).get_inputs()[0].shape] if ok else []
            x = rng.standard_normal(shape).astype(np.float32)
            np.save(f"{folder}/x.npy", x)
            ok = ok and subprocess.run([interpret, out, f"{folder}/y", f"{folder}/x.npy"]).returncode == 0
            if not ok or not close(np.load(f"{folder}/y0.npy"), run(out, [x])[0]):
                print(f"FAILED {script}: {text}")
                failed += 1
    print(f"{written} converted tests written, {failed} failed")
    return 1 if failed or written < LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
