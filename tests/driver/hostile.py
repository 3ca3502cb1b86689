"""Models that are made to do harm, and what lathe opens, writes, prints and takes while it refuses them:
hostile.py LATHE. Needs strace."""
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import unittest
import zipfile

import h5py
import numpy as np
from onnx import TensorProto, helper

LATHE = sys.argv.pop(1)
SECRET = "bytes that no model may see"
# where the loader, the C library and OpenBLAS look; everything else is the user's
SYSTEM = ("/lib", "/usr/", "/etc/ld.so", "/etc/localtime", "/proc/", "/sys/", "/dev/", "/opt/")
# this process and its sanitizer
MOST_SECONDS, MOST_BYTES = 5.0, 1 << 30


def model(**weight):
    """Dense as Keras's JSON."""
    layers = [{"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 4]}},
              {"class_name": "Dense", "config": {"name": weight.get("name", "dense"), "units": weight.get("units", 3),
                                                 **weight.get("more", {})}}]
    return {"class_name": "Sequential", "config": {"name": weight.get("model", "m"), "layers": layers}}


def onnx_model(**data):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=data.get("dims", [4, 3]))
    if "location" in data:
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", data["location"]), ("offset", "0"), ("length", "48")):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])], [tensor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


class Hostile(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.outside = os.path.realpath(temporary.name)
        self.folder = os.path.join(self.outside, "model")
        os.mkdir(self.folder)
        with open(os.path.join(self.outside, "secret"), "w") as f:
            f.write(SECRET)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data if isinstance(data, bytes) else json.dumps(data).encode())
        return self.path(name)

    def run_lathe(self, *words):
        """(exit status, what it printed); in time and memory, as a user's terminal may have it."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([LATHE, *words], capture_output=True, cwd=self.folder, timeout=300)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.assertLess(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, MOST_SECONDS)
        self.assertLess(after.ru_maxrss * 1024, MOST_BYTES)
        for line in (done.stdout + done.stderr).split(b"\n"):
            self.assertFalse(re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80[\x8b-\x8f\xaa-\xae]", line), line)
        return done.returncode, (done.stdout + done.stderr).decode()

    def refuses(self, *words, text):
        status, printed = self.run_lathe(*words)
        self.assertEqual(status, 1, printed)
        self.assertIn("error: ", printed)
        self.assertIn(text, printed)

    def opened(self, *words):
        """The files that it opened, or tried to write, outside of the system's folders."""
        log = os.path.join(self.outside, "log")
        subprocess.run(["strace", "-f", "-o", log, "-e", "trace=open,openat,openat2,creat,rename,unlink,mkdir,link,"
                        "symlink,truncate,connect", LATHE, *words], capture_output=True, cwd=self.folder, timeout=300)
        found = set()
        with open(log, errors="replace") as f:
            for line in f:
                name = re.search(r'"([^"]*)"', line)
                if not name or "ENOENT" in line or "EPERM" in line: # not there, or refused by lathe-parse's lock
                    continue
                at = os.path.normpath(os.path.join(self.folder, name[1]))
                if not at.startswith(SYSTEM):
                    found.add(at)
        return found

    # --- files outside of the model's folder
    def stays_inside(self, *words, text):
        self.refuses(*words, text=text)
        for name in self.opened(*words):
            self.assertTrue((name + "/").startswith(self.folder + "/"), name)

    def test_strace_sees(self):
        """The net has no hole: a model that lies outside is seen."""
        path = os.path.join(self.outside, "m.json")
        with open(path, "w") as f:
            json.dump(model(), f)
        self.assertIn(path, self.opened("summary", path))

    def test_external_data(self):
        os.symlink(os.path.join(self.outside, "secret"), self.path("link"))
        os.symlink(self.outside, self.path("up"))
        for location in ("../secret", "../../../../../../etc/passwd", "/etc/passwd", "link", "up/secret",
                         "./../secret", "x/../../secret", os.path.join(self.outside, "secret")):
            with self.subTest(location):
                self.stays_inside("summary", self.write("m.onnx", onnx_model(location=location)), text="tensor 'w'")

    def test_hdf5(self):
        self.write("m.json", model())
        for kind in ("external link", "soft link", "virtual", "external storage"):
            with h5py.File(self.path("w.weights.h5"), "w") as f:
                name = "layers/dense/vars/0"
                if kind == "external link":
                    f[name] = h5py.ExternalLink("../secret", "/x")
                elif kind == "soft link":
                    f[name] = h5py.SoftLink("/nowhere")
                elif kind == "virtual":
                    layout = h5py.VirtualLayout((4, 3), "f4")
                    layout[...] = h5py.VirtualSource("../secret", "x", (4, 3))
                    f.create_virtual_dataset(name, layout)
                else:
                    f.create_dataset(name, (4, 3), "f4", external=[("../secret", 0, 48)])
                f["layers/dense/vars/1"] = np.zeros(3, "f4")
            with self.subTest(kind):
                self.stays_inside("compile", self.path("m.json"), "--weights", self.path("w.weights.h5"), "-o",
                                  self.path("out"), text="layers/dense/vars/0")

    def test_archive(self):
        with zipfile.ZipFile(self.path("m.keras"), "w") as z:
            for name in ("../secret", "/tmp/absolute", "config.json/../../secret"):
                z.writestr(name, "evil")
            z.writestr("config.json", json.dumps(model()))
        self.stays_inside("summary", self.path("m.keras"), text="the archive has no 'metadata.json'")
        with open(os.path.join(self.outside, "secret")) as f:
            self.assertEqual(f.read(), SECRET)

    def test_output(self):
        """Names don't lead out of the output folder."""
        self.refuses("summary", self.write("m.json", model(name="../../../secret")), text="without '/'")
        m = model(model="../../secret")
        m["compile_config"] = {"optimizer": "sgd", "loss": "mse"}
        path = self.write("m.json", m)
        status, printed = self.run_lathe("compile", path, "--train", "-o", self.path("out"))
        self.assertEqual(status, 0, printed)
        self.assertEqual(sorted(os.listdir(self.outside)), ["model", "secret"])
        self.assertEqual(sorted(os.listdir(self.folder)), ["m.json", "out"])

    def test_private_folder(self):
        """What is compiled and loaded lies where nobody else may write."""
        compiler = self.path("cc")
        with open(compiler, "w") as f:
            f.write('#!/bin/sh\nfor word; do case $word in */library.so) stat -c "%a %u" "${word%/*}";; esac; done'
                    f' >> {self.path("seen")}\nexec cc "$@"\n')
        os.chmod(compiler, 0o755)
        np.save(self.path("x.npy"), np.zeros((1, 4), "f4"))
        with h5py.File(self.path("w.weights.h5"), "w") as f:
            f["layers/dense/vars/0"], f["layers/dense/vars/1"] = np.zeros((4, 3), "f4"), np.zeros(3, "f4")
        done = subprocess.run([LATHE, "predict", self.write("m.json", model()), "--weights", "w.weights.h5",
                               "--input", "x.npy", "--output", "y.npy"], capture_output=True, cwd=self.folder, env={**os.environ, "CC": compiler},
                              timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("seen")) as f:
            self.assertEqual(f.read().split("\n")[0], f"700 {os.getuid()}")

    # --- bombs
    def test_bombs(self):
        with zipfile.ZipFile(self.path("zip.keras"), "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("config.json", b" " * (900 << 20))
        self.refuses("summary", self.path("zip.keras"), text="its size")
        self.refuses("summary", self.write("deep.json", b'{"a":' * 200000), text="deep.json")
        self.refuses("summary", self.write("deep2.json", b'{"class_name":"Sequential","config":{"layers":' + b"[" * 2000
                                           + b"]" * 2000 + b"}}"), text="deep2.json")
        with h5py.File(self.path("deep.h5"), "w") as f:
            group = f
            for _ in range(500):
                group = group.create_group("g")
        self.refuses("summary", self.path("deep.h5"), text="nested too deeply")
        self.write("m.json", model(units=1 << 23))
        with h5py.File(self.path("w.weights.h5"), "w") as f:
            f.create_dataset("layers/dense/vars/0", (4, 1 << 23), "f4", chunks=(4, 1 << 16))
        self.refuses("compile", self.path("m.json"), "--weights", self.path("w.weights.h5"), "-o", self.path("out"),
                     text="does not hold the data of its shape")

    def test_sizes(self):
        huge = 1 << 62
        self.refuses("summary", self.write("m.onnx", onnx_model(dims=[huge, 2])), text="too large")
        self.refuses("summary", self.write("m.json", model(units=huge)), text="error")
        self.write("m.json", model())
        with h5py.File(self.path("w.weights.h5"), "w") as f:
            f.create_dataset("layers/dense/vars/0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))
        self.refuses("compile", self.path("m.json"), "--weights", self.path("w.weights.h5"), "-o", self.path("out"),
                     text="'layers/dense/vars/0'")
        header = json.dumps({"dense/kernel": {"dtype": "F32", "shape": [huge, 4], "data_offsets": [0, 16]}}).encode()
        tensors = self.write("w.safetensors", len(header).to_bytes(8, "little") + header + bytes(16))
        self.refuses("compile", self.path("m.json"), "--weights", tensors, "-o", self.path("out"), text="w.safetensors")
        npy = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
        npy += (b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 4), }" % huge).ljust(117) + b"\n"
        self.refuses("predict", self.path("m.json"), "--input", self.write("x.npy", npy), "--output", self.path("y.npy"),
                     text="error")

    # --- names
    def test_names_in_the_terminal(self):
        for name in ("\x1b]0;title\x07", "\x1b[2J", "a\rb", "\u202eevil", "\x7f", "x" * 10000):
            path = self.write("m.json", model(name=name, model=name, more={"activation": name}))
            with self.subTest(name[:10]):
                self.refuses("summary", path, text="error")
                self.run_lathe("summary", self.write("m.json", model(name=name, model=name)))
                for option in ("--plan", "--kernels"):
                    self.run_lathe("inspect", path, option)


unittest.main()
