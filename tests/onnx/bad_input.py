"""Damaged and unsupported ONNX files: each ends with exit status 1 and a message that names the file and
what is wrong. usage: bad_input.py LATHE"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FAILED = []


def port(name, dims):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def model(nodes, inputs=None, outputs=None, weights=(), opset=17):
    graph = helper.make_graph(nodes, "g", inputs or [port("x", [None, 3, 8, 8])],
                              outputs or [port("y", None)],
                              [numpy_helper.from_array(np.asarray(v), k) for k, v in weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def node(op, ins, outs=("y",), **attrs):
    return helper.make_node(op, list(ins), list(outs), name=f"the_{op.lower()}", **attrs)


def expect(lathe, name, data, *words):
    """The file's summary fails with all these words on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        check(lathe, Path(folder), name, data, words)


def check(lathe, folder, name, data, words):
    path = folder / f"{name}.onnx"
    path.write_bytes(data if isinstance(data, bytes) else data.SerializeToString())
    done = subprocess.run([lathe, "summary", path], capture_output=True, text=True, timeout=60)
    missing = [w for w in (path.name, *words) if w not in done.stderr]
    if done.returncode != 1 or missing or "internal error" in done.stderr:
        FAILED.append(name)
        print(f"{name}: exit status {done.returncode}, missing {missing}:\n{done.stderr}")


def expect_little_memory(lathe):
    """The largest constants that small files may compute: not a gigabyte of memory, nor five seconds."""
    sizes = [("s", np.array([36, 1 << 20, 4])), ("b", np.array(0, np.int64)), ("d", np.array(1, np.int64))]
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    filled = model([node("ConstantOfShape", ["s"], ["c"], value=one), node("Relu", ["x"])], weights=sizes)
    counted = model([node("Range", ["b", "e", "d"], ["r"]), node("Cast", ["r"], ["f"], to=TensorProto.FLOAT),
                     node("Reshape", ["f", "w"], ["k"]), node("Conv", ["x", "k"])],
                    weights=[*sizes, ("e", np.array(35 << 20)), ("w", np.array([35 << 17, 8, 1, 1]))],
                    inputs=[port("x", [None, 8, 1, 1])])
    for name, data in (("filled", filled), ("counted", counted)):
        with tempfile.NamedTemporaryFile(suffix=".onnx") as f:
            f.write(data.SerializeToString())
            f.flush()
            process = subprocess.Popen([lathe, "summary", f.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            used = os.wait4(process.pid, 0)[2]
        if used.ru_maxrss > 1 << 20 or used.ru_utime + used.ru_stime > 5:
            FAILED.append(name)
            print(f"{name}: {used.ru_maxrss} KB, {used.ru_utime + used.ru_stime} s")


def refused_operators(lathe):
    """Attributes and shapes that an operator cannot have."""
    kernel, large = np.zeros((4, 3, 3, 3), np.float32), np.zeros((4, 3, 9, 9), np.float32)
    image, wide = [port("x", [None, 3, 8, 8])], [port("x", [1, 3, 64, 64])]
    volume, deep = [port("x", [None, 3, 8, 8, 8])], np.zeros((4, 3, 3, 3, 3), np.float32)
    fixed = [port("x", [2, 3, 4])]
    cases = [
        (node("Conv", ["x", "w"], kernel_shape=[5, 5]), image, kernel, "kernel_shape does not agree with its weights"),
        (node("Conv", ["x", "w"]), image, large, "its window does not fit into"),
        (node("Conv", ["x", "w"]), [port("x", [None, 3])], kernel, "cannot be convolved by weights"),
        (node("ConvTranspose", ["x", "v"], pads=[3] * 6), volume, deep, "padding that is larger than the kernel"),
        (node("ConvTranspose", ["x", "v"], pads=[5] * 4), image, kernel, "nothing is left of its result"),
        (node("MaxPool", ["x"]), image, kernel, "it has no kernel_shape"),
        (node("MaxPool", ["x"], kernel_shape=[2, 2]), [port("x", [None, 3])], kernel, "has no spatial axes, or too many"),
        (node("MaxPool", ["x"], ["y", "i"], kernel_shape=[33, 33]), wide, kernel, "windows of more than 1024 elements"),
        (node("LpPool", ["x"], kernel_shape=[2, 2], p=0), image, kernel, "p must be at least 1"),
        (node("Transpose", ["x"], perm=[0, 1, 1, 2]), image, kernel, "perm is no permutation of the axes"),
        (node("Transpose", ["x"], perm=[0, 1]), image, kernel, "perm has 2 numbers for rank 4"),
        (node("Squeeze", ["x", "one"]), image, kernel, "axis 1 has size 3, not 1"),
        (node("DepthToSpace", ["x"], blocksize=3), image, kernel, "blocks of 3 do not fit"),
        (node("SpaceToDepth", ["x"], blocksize=3), image, kernel, "blocks of 3 do not fit"),
        (node("Reshape", ["x", "seven"]), fixed, kernel, "does not fit into"),
        (node("Reshape", ["x", "rest"]), fixed, kernel, "does not fit into"),
        (node("Reshape", ["x", "twice"]), fixed, kernel, "its shape has more than one -1"),
        (node("Reshape", ["x", "minus"]), fixed, kernel, "is negative or too large"),
        (node("Reshape", ["x", "both"]), image, kernel, "its shape has more than one -1"),
        (node("Reshape", ["x", "below"]), image, kernel, "is negative or too large"),
        (node("Cast", ["x"], to=TensorProto.STRING), image, kernel, "are not computed with"),
    ]
    lists = {"one": [1], "seven": [7], "rest": [-1, 7], "twice": [2, -1, -1], "minus": [2, -2, 6],
             "both": [-1, -1], "below": [-2, 192]}
    for n, inputs, w, word in cases:
        weights = [("w", w), ("v", w[:3, :3])] + [(k, np.array(v, np.int64)) for k, v in lists.items()]
        expect(lathe, n.op_type, model([n], inputs=inputs, weights=weights), n.name, word)


def stored_outside(**entries):
    """A model whose weights lie where the entries say."""
    m = model([node("Add", ["x", "w"])], weights=[("w", np.zeros(3, np.float32))],
              inputs=[port("x", [None, 3])])
    w = m.graph.initializer[0]
    w.ClearField("raw_data")
    w.data_location = TensorProto.EXTERNAL
    for name, value in entries.items():
        entry = w.external_data.add()
        entry.key, entry.value = name, value
    return m


def external(lathe):
    """External data outside of the model's folder, behind links, too short, and no files at all."""
    with tempfile.TemporaryDirectory() as top:
        inside = Path(top) / "inside"
        inside.mkdir()
        (Path(top) / "w.bin").write_bytes(bytes(4 * 3))
        (inside / "short.bin").write_bytes(bytes(4))
        os.symlink(Path(top) / "w.bin", inside / "link.bin")
        os.symlink(top, inside / "folder")
        os.mkfifo(inside / "pipe")
        for k, (place, word) in enumerate({
                "../w.bin": "outside of the model's folder", f"{top}/w.bin": "absolute path",
                "link.bin": "symbolic link", "folder/w.bin": "symbolic link",
                "short.bin": "too short", "none.bin": "No such file", "": "names no file",
                "pipe": "no file", ".": "no file"}.items()):
            check(lathe, inside, f"external{k}", stored_outside(location=place), ("'w'", word))
        (inside / "w.bin").write_bytes(bytes(4 * 3))
        for k, (name, value, word) in enumerate((
                ("offset", "-4", "not understood"), ("offset", "9" * 30, "too short"),
                ("offset", "4", "too short"), ("length", "x", "not understood"),
                ("length", "8", "8 bytes of data, but 12 are needed"))):
            check(lathe, inside, f"entry{k}", stored_outside(location="w.bin", **{name: value}),
                  ("'w'", word))


def not_numbers(lathe, weights):
    """Weights that are no numbers are taken, with a warning."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nan.onnx"
        weights[0, 0, 0, 0], weights[1, 1, 1, 1] = np.nan, np.inf
        path.write_bytes(model([node("Conv", ["x", "w"])], weights=[("w", weights)]).SerializeToString())
        done = subprocess.run([lathe, "summary", path], capture_output=True, text=True, timeout=60)
        if done.returncode != 0 or "nan.onnx: warning: w: 2 of its 108 values are no finite numbers" not in done.stderr:
            FAILED.append("not numbers")
            print(f"not numbers: exit status {done.returncode}:\n{done.stderr}")


def main():
    lathe = sys.argv[1]
    w = np.zeros((4, 3, 3, 3), np.float32)
    conv = node("Conv", ["x", "w"])
    good = model([conv], weights=[("w", w)])
    expect(lathe, "empty", b"", "no ONNX model")
    expect(lathe, "text", b"not a model", "no ONNX model")
    expect(lathe, "cut", good.SerializeToString()[:-9], "no ONNX model")
    expect(lathe, "opset", model([conv], weights=[("w", w)], opset=99), "opset 99", "accepted: 1 to")
    expect(lathe, "several", model([node("LSTM", ["x"], ["a"]), node("GRU", ["a"], ["b"]),
                                    node("Conv", ["b", "w"])], weights=[("w", w)]),
           "the_lstm", "LSTM", "the_gru", "GRU", "opset 17")
    expect(lathe, "unknown", model([node("Frobnicate", ["x"])]), "no such operator", "the_frobnicate")
    expect(lathe, "cycle", model([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]),
                                  node("Neg", ["b"])]), "cycle")
    expect(lathe, "missing", model([conv]), "the_conv", "'w'", "given by no node")
    expect(lathe, "shapes", model([conv], weights=[("w", np.zeros((4, 5, 3, 3), np.float32))]),
           "the_conv", "(4, 5, 3, 3)")
    expect(lathe, "twice", model([node("Relu", ["x"]), helper.make_node("Neg", ["x"], ["y"])]),
           "another node gives 'y'")
    expect(lathe, "output", model([node("Relu", ["x"], ["z"])]), "'y'", "given by no node")
    expect(lathe, "symbolic", model([node("Relu", ["x"])], inputs=[port("x", ["n", 3, "h", "w"])]),
           "'x'", "dimension 2 (h)", "--input-shape")
    expect(lathe, "axis", model([node("Softmax", ["x"], axis=9)]), "the_softmax", "axis 9")
    expect(lathe, "unknown shape", model([node("Reshape", ["x", "s"])], inputs=[
        port("x", [None, 3]), helper.make_tensor_value_info("s", TensorProto.INT64, [2])]),
        "the_reshape", "not known before the model runs")
    expect(lathe, "strings", model([node("Identity", ["x"])], inputs=[
        helper.make_tensor_value_info("x", TensorProto.STRING, [2])]), "'x'", "string")
    for name, nodes, words in (
            ("pads", [node("Pad", ["x", "p"], mode="edge")], ("the_pad", "too large")),
            ("repeats", [node("Tile", ["x", "r"])], ("the_tile", "repeats")),
            ("scale", [node("Resize", ["x", "", "f"])], ("the_resize", "axis 3 gets size")),
            ("shape", [node("ReduceMean", ["x"], ["m"], axes=[3]), node("Expand", ["m", "e"])],
             ("the_expand", "too large")),
            ("much", [node("ConstantOfShape", ["s"], [f"c{k}"]) for k in range(19)] +
             [node("Relu", ["x"])], ("the_constantofshape", "too large"))):
        expect(lathe, f"small file, {name}", model(nodes, weights=[
            ("p", np.array([0, 0, 0, 0, 0, 0, 0, 2**30])), ("r", np.array([1, 1, 1, 2**27])),
            ("f", np.array([1, 1, 1, 1e30], np.float32)), ("e", np.array([1, 3, 8, 2**60])),
            ("s", np.array([1 << 24]))]), *words)
    for op in ("Relu", "Neg", "Add", "Where", "Transpose", "Shape"):
        texts = model([node(op, ["t", "t", "t"][:{"Add": 2, "Where": 3}.get(op, 1)])])
        texts.graph.initializer.append(helper.make_tensor("t", TensorProto.STRING, [2], [b"a", b"b"]))
        expect(lathe, f"texts into {op}", texts, f"the_{op.lower()}", "'t'", "string")
    short = model([conv], weights=[("w", w)])
    short.graph.initializer[0].raw_data = b"1234"
    expect(lathe, "short weights", short, "'w'", "432")
    huge = model([conv], weights=[("w", w)])
    del huge.graph.initializer[0].dims[:]
    huge.graph.initializer[0].dims.extend([1 << 40, 1 << 40])
    expect(lathe, "huge weights", huge, "'w'", "too large")
    for op in ("Shape", "ReduceSum", "Identity", "Relu"):
        expect(lathe, f"no inputs of {op}", model([node(op, [])]), f"the_{op.lower()}", "input 0 is missing")
    for op, word in (("Tile", "no repeats"), ("Unsqueeze", "axes"), ("Slice", "starts"), ("PRelu", "")):
        expect(lathe, f"only x of {op}", model([node(op, ["x"])]), f"the_{op.lower()}", word)
    for op in ("Gather", "CastLike"):
        expect(lathe, f"one input of {op}", model([node(op, ["w"])], weights=[("w", w)]), "input 1 is missing")
    axes = helper.make_tensor_value_info("a", TensorProto.INT64, [1])
    expect(lathe, "no elements", model([node("Mul", ["x", "x"], ["z"]), node("ReduceSum", ["z", "a"])],
                                       inputs=[port("x", [2, 0, 4]), axes]), "not known before")
    sparse = model([node("Relu", ["x"])])
    sparse.graph.sparse_initializer.add()
    expect(lathe, "sparse", sparse, "sparse initialisers")
    for op, opset in (("Cast", 5), ("Tile", 5)):
        expect(lathe, f"old {op}", model([node(op, ["x"])], opset=opset), op, "accepted: from opset 6 on")
    many = ["d"] * 9
    expect(lathe, "rank", model([node("Relu", ["x"])], inputs=[port("x", many)]), "more than 7 dimensions")
    expect(lathe, "no rank", model([node("Relu", ["x"])], inputs=[port("x", None)]), "its rank is not known")
    huge_shape = np.array([1 << 20, 1 << 20], np.int64)
    expect(lathe, "huge constant", model([node("ConstantOfShape", ["s"])], weights=[("s", huge_shape)]), "too large")
    index = np.array([0, 7], np.int64)
    empty = helper.make_node("SequenceEmpty", [], ["s"])
    expect(lathe, "sequence", model([empty, node("Relu", ["s"])]), "the_relu", "sequence")
    expect(lathe, "position", model([empty, node("SequenceAt", ["s", "i"])], weights=[("i", index[:1])]),
           "position 0 of a sequence of 0")
    expect(lathe, "no sequence", model([node("SequenceLength", ["x"])]), "is no sequence")
    expect(lathe, "place", model([node("Compress", ["x", "i"])], weights=[("i", index)], inputs=[port("x", [1])]),
           "the_compress", "longer than its axis")
    refused_operators(lathe)
    external(lathe)
    not_numbers(lathe, w.copy())
    expect_little_memory(lathe)
    print(f"{len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
