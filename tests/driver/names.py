"""Names of models, layers, tensors and classes that are made to do harm, in everything that lathe writes and
prints: names.py LATHE CC."""
import ast
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LATHE, CC = sys.argv[1:3]
TURNED = "\u202eturned\u2066"
KERAS = ['say "hi"', "back\\slash", "*/ int oops; /*", "??= ??< ??'", "int", "main", TURNED, "a b", "a-b",
         "a_b", "%s%n", "é", "<script>alert(1)</script>", "${id}", "'''\"\"\"", "x" * 200]
KERAS = [name.replace("/", "|") for name in KERAS]  # which Keras refuses
ONNX = KERAS + ["\x1b[2J", "two\nlines\r", "*/ #error */", "/* //", "??/", "]]>", "y" * 10000]
CONV = '"*/' + TURNED
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u206f]")
WARNINGS = ["-trigraphs", "-Wall", "-Wextra", "-Wpedantic", "-Wno-trigraphs", "-Werror", "-fsyntax-only"]


def dense(name):
    return {"class_name": "Dense", "config": {"name": name, "units": 3}}


def keras_model():
    """A chain of dense layers, of which the last two are outputs."""
    layers = [{"class_name": "InputLayer", "name": "in", "config": {"name": "in", "batch_shape": [None, 3]},
               "inbound_nodes": []}]
    for before, name in zip(["in", *KERAS], KERAS):
        layers.append({**dense(name), "name": name, "inbound_nodes": [[[before, 0, 0, {}]]]})
    ends = [[name, 0, 0] for name in KERAS[5:7]]
    return {"class_name": "Functional",
            "config": {"name": "*|" + TURNED, "layers": layers, "input_layers": [["in", 0, 0]], "output_layers": ends},
            "compile_config": {"optimizer": "sgd", "loss": ["mse", "mse"]}}


def onnx_model():
    nodes, tensors, at = [], [], ONNX[-1]
    for i, name in enumerate(ONNX):
        weight, result = "w" + name, "r" + name
        tensors.append(numpy_helper.from_array(np.full((3, 3), 0.1 * (i % 3), "f4"), weight))
        nodes.append(helper.make_node("MatMul", [at, weight], [result], name=name))
        at = result
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", 3]) for end in (ONNX[-1], at)]
    return helper.make_model(helper.make_graph(nodes, "*/" + TURNED, ends[:1], ends[1:], tensors),
                             opset_imports=[helper.make_opsetid("", 17)])


def conv_model():
    kernel = numpy_helper.from_array(np.ones((16, 8, 3, 3), "f4"), "k")
    node = helper.make_node("Conv", ["x", "k"], ["y"], name=CONV, pads=[1] * 4)
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", channels, 16, 16]) for end, channels in (("x", 8), ("y", 16))]
    return helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:], [kernel]), opset_imports=[helper.make_opsetid("", 17)])


class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        os.chdir(cls.temporary.name)
        with open("keras.json", "w") as f:
            json.dump(keras_model(), f)
        onnx.save(onnx_model(), "chain.onnx")
        onnx.save(conv_model(), "conv.onnx")
        with open("classes.txt", "w") as f:
            f.write("\n".join(name.replace("\n", " ") for name in (TURNED, "*/ \"?\?/", "z" * 10000)))

    def run_lathe(self, *words):
        """What it printed, all of which a terminal may have."""
        done = subprocess.run([LATHE, *words], capture_output=True, timeout=300)
        text = (done.stdout + done.stderr).decode()
        self.assertEqual(done.returncode, 0, text[-2000:])
        for line in text.split("\n"):
            self.assertIsNone(HIDDEN.search(line), line[:2000])
        return done.stdout.decode()

    def check_c(self, folder):
        files = glob.glob(folder + "/*.[ch]")
        self.assertTrue(files)
        for file in files:
            with open(file, "rb") as f:
                self.assertIsNone(re.search(rb"[^\n -~]", f.read()), file)
        for standard in ("c99", "gnu17"):
            done = subprocess.run([CC, "-std=" + standard, *WARNINGS, *glob.glob(folder + "/*.c")], capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_c(self):
        for model, options in (("chain.onnx", ("--classes", "classes.txt")), ("keras.json", ("--train",)),
                               ("chain.onnx", ("--python",)), ("chain.onnx", ("--layers", "--embed-weights"))):
            folder = "c" + "".join(options[:1])
            self.run_lathe("compile", model, "-o", folder, *options)
            self.check_c(folder)
            for file in glob.glob(folder + "/*.py"):
                with open(file, encoding="ascii") as f:
                    ast.parse(f.read())

    def test_plain(self):
        os.mkdir("plain")
        model = keras_model()
        model["config"]["output_layers"] = model["config"]["output_layers"][:1]
        model["config"]["layers"][6]["config"]["activation"] = "softmax"
        model["compile_config"]["loss"] = "categorical_crossentropy"
        with open("one.json", "w") as f:
            json.dump(model, f)
        self.run_lathe("compile", "one.json", "--plain", "--train", "-o", "plain/one.c")
        self.check_c("plain")

    def test_pages(self):
        for model in "chain.onnx", "keras.json":
            for what in ((), ("--plan",), ("--kernels",), ("--layouts",)):
                self.run_lathe("inspect", model, *what)
            self.run_lathe("summary", model)
            self.run_lathe("inspect", model, "--html", "-o", "page.html")
            self.check_page("page.html")

    def check_page(self, path):
        with open(path, encoding="utf-8") as f:
            page = f.read()
        self.assertIsNone(HIDDEN.search(page))
        self.assertNotIn("<script>alert", page)
        self.assertNotIn("]]>", page)

    def test_json(self):
        printed = self.run_lathe("bench", "chain.onnx", "--inference", "--layers", "--json", "--runs", "1")
        names = [row["layer"] for row in json.loads(printed)["results"][0]["layers"]]
        self.assertTrue(set(ONNX) & set(names), names)
        self.run_lathe("tune", "conv.onnx", "-o", "tuned.json", "--budget", "1")
        with open("tuned.json") as f:
            self.assertEqual(list(json.load(f)["layers"]), [CONV])
        self.run_lathe("inspect", "conv.onnx", "--kernels", "--tuned", "tuned.json")

    def test_other_formats(self):
        self.run_lathe("convert", "chain.onnx", "again.onnx")
        again = onnx.load("again.onnx")
        onnx.checker.check_model(again)
        self.assertEqual([again.graph.input[0].name, again.graph.output[0].name], [ONNX[-1], "r" + ONNX[-1]])
        self.run_lathe("convert", "chain.onnx", "w.safetensors")
        with open("w.safetensors", "rb") as f:
            tensors = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        self.assertGreaterEqual(len(tensors), len(ONNX))

    def test_training(self):
        data = {"in": np.ones((8, 3), "f4"), **{name: np.ones((8, 3), "f4") for name in KERAS[5:7]}}
        np.savez("data.npz", **data)
        printed = self.run_lathe("train", "keras.json", "--data", "data.npz", "--epochs", "1", "-o", "run")
        self.assertIn("[U+202E]turned[U+2066]_loss: ", printed)
        self.run_lathe("convert", "keras.json", "again.keras", "--weights", "run/weights.safetensors")
        with zipfile.ZipFile("again.keras") as z:
            config = json.loads(z.read("config.json"))
        self.assertEqual({layer["config"]["name"] for layer in config["config"]["layers"]}, {"in", *KERAS[:7]})


if __name__ == "__main__":
    del sys.argv[1:3]
    unittest.main()
