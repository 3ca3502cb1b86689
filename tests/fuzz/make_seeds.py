"""Seeds for the fuzz targets: make_seeds.py FOLDER IMAGE. Small files of every kind, made by Keras,
ONNX, NumPy and Pillow; IMAGE is the image of weights that lathe wrote for weights_image.py."""
import glob
import gzip
import io
import os
import shutil
import sys
import tarfile
import zipfile

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from safetensors.numpy import save_file

out, weights_image = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))


def folder(target):
    path = os.path.join(out, "fuzz_" + target)
    os.makedirs(path, exist_ok=True)
    return path


def seed(target, name, data):
    with open(os.path.join(folder(target), name), "wb") as f:
        f.write(data)


def pair(first, second):
    """Two files in one seed: see folder_with in fuzz.h."""
    return len(first).to_bytes(2, "little") + first + second


def written(write, *args, **options):
    """What a function writes to a file."""
    f = io.BytesIO()
    write(f, *args, **options)
    return f.getvalue()


def models():
    x = layers.Input((6, 6, 2), name="in")
    y = layers.BatchNormalization()(layers.Conv2D(2, 3, padding="same")(x))
    y = layers.Add()([x, y])
    inner = keras.Sequential([layers.Input((6, 6, 2)), layers.Conv2D(2, 3)], name="inner")
    y = layers.Dense(2)(layers.Flatten()(inner(y)))
    m = keras.Model(x, y)
    m.compile("adam", "mse")
    yield "functional", m
    m = keras.Sequential([layers.Input((3,)), layers.Dense(2, activation="relu")])
    m.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    yield "sequential", m


def keras_files():
    for name, model in models():
        archive = os.path.join(folder("keras_zip"), name)
        model.save(archive + ".keras")
        os.rename(archive + ".keras", archive)
        with zipfile.ZipFile(archive) as z:
            seed("keras_config", name, z.read("config.json"))
        weights = os.path.join(folder("hdf5"), name)
        model.save_weights(weights + ".weights.h5")
        model.save(weights + ".h5")
        save_file({w.path: np.asarray(w) for w in model.weights},
                  os.path.join(folder("safetensors"), name))


def onnx_model(name, nodes, **weights):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    seed("onnx", name, model.SerializeToString())


def onnx_files():
    """Networks, and what shapes and constants are computed by."""
    node = helper.make_node
    onnx_model("network", [
        node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"], name="relu"),
        node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", ["p", "s"], ["f"], name="flat"),
        node("Gemm", ["f", "k", "b"], ["g"], name="fc", transB=1),
        node("Softmax", ["g"], ["y"], name="softmax", axis=-1),
    ], w=np.ones((2, 2, 3, 3), "f4"), s=[0, -1], k=np.ones((3, 8), "f4"), b=np.zeros(3, "f4"))
    onnx_model("shapes", [
        node("Shape", ["x"], ["all"]),
        node("Gather", ["all", "zero"], ["n"]),
        node("Unsqueeze", ["n", "zero1"], ["n1"]),
        node("Cast", ["flat"], ["flat64"], to=TensorProto.INT64),
        node("Concat", ["n1", "flat64"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["r"]),
        node("Slice", ["r", "zero1", "two1", "one1"], ["s"]),
        node("Where", ["yes", "a", "b"], ["c"]),
        node("Sqrt", ["c"], ["root"]),
        node("Mul", ["s", "root"], ["y"]),
    ], zero=0, zero1=[0], one1=[1], two1=[2], flat=np.array([32], "i4"), yes=[True, False],
        a=np.ones(2, "f4"), b=np.ones(2, "f4"))
    onnx_model("images", [
        node("Pad", ["x", "pads"], ["p"], mode="reflect"),
        node("Resize", ["p", "", "scales"], ["r"], mode="linear"),
        node("BatchNormalization", ["r", "v", "v", "v", "v"], ["n"]),
        node("Transpose", ["n"], ["t"], perm=[0, 2, 3, 1]),
        node("ReduceMean", ["t"], ["m"], axes=[1, 2], keepdims=0),
        node("Split", ["m"], ["m1", "m2"], axis=1),
        node("Expand", ["m1", "wide"], ["e"]),
        node("MatMul", ["e", "k"], ["mm"]),
        node("Add", ["mm", "m2"], ["y"]),
    ], pads=[0, 0, 1, 1, 0, 0, 1, 1], scales=np.array([1, 1, 2, 2], "f4"), v=np.ones(2, "f4"),
        wide=[1, 3], k=np.ones((3, 1), "f4"))


def shard(form, *names):
    """An archive of the same small image under several names, with class numbers."""
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w", format=form) as tar:
        for i, name in enumerate(names):
            for ending, data in (".png", written(Image.new("RGB", (2, 2)).save, "PNG")), (".cls", b"%d" % i):
                info = tarfile.TarInfo(name + ending)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return f.getvalue()[:8192]  # without most of the zeros that fill it up


def shards():
    long = "folder/" * 30 + "x"
    seed("tar", "ustar", pair(shard(tarfile.USTAR_FORMAT, "a", "folder/" * 20 + "x"), b"one\ntwo\n"))
    seed("tar", "gnu", pair(shard(tarfile.GNU_FORMAT, "a", long), b""))
    seed("tar", "pax", pair(shard(tarfile.PAX_FORMAT, long), b"one\n"))


def images():
    colours = Image.fromarray(np.arange(20 * 24 * 3, dtype="u1").reshape(20, 24, 3))
    for name, image in (("colours", colours), ("grey", colours.convert("L")),
                        ("palette", colours.convert("P")), ("alpha", colours.convert("RGBA")),
                        ("cmyk", colours.convert("CMYK"))):
        if name not in ("palette", "alpha"):
            seed("image", name + ".jpg", written(image.save, "JPEG"))
        if name != "cmyk":
            seed("image", name + ".png", written(image.save, "PNG"))
    seed("image", "progressive.jpg", written(colours.save, "JPEG", progressive=True))
    seed("image", "restarts.jpg", written(colours.save, "JPEG", restart_marker_blocks=1))
    seed("image", "deep.png", written(Image.fromarray(np.arange(64, dtype="u2").reshape(8, 8)).save, "PNG"))


def arrays():
    x, y = np.arange(24, dtype="u1").reshape(4, 6), np.array([0, 1, 2, 0])
    for dtype in ("u1", "i4", "i8", "f4", "f8", "?"):
        seed("npy", dtype.replace("?", "b1"), written(np.save, x.astype(dtype)))
    seed("npz", "one", written(np.savez, x=x, y=y))
    seed("npz", "packed", written(np.savez_compressed, x_train=x, y_train=np.eye(3)[y], x_test=x,
                                  y_test=y, sample_weight=np.ones(4)))
    seed("npz", "several", written(np.savez, x=x, z=x.astype("f4"), y=y))


def data_sets():
    images = bytes.fromhex("00000803 00000004 00000003 00000002") + bytes(range(24))
    labels = bytes.fromhex("00000801 00000004") + bytes((0, 1, 2, 1))
    seed("idx", "grey", pair(images, labels))
    seed("idx_gz", "grey", pair(gzip.compress(images, mtime=0), gzip.compress(labels, mtime=0)))
    records = b"".join(bytes([label]) + bytes([label] * 3072) for label in range(3))
    seed("cifar10", "three", pair(b"airplane\nautomobile\nbird\n", records))


def runs():
    """A checkpoint and a history of tests/runtime/fake_model.c, as lathe_checkpoint_save writes it."""
    position = {"model_hash": str(0x1234567890ABCDEF), "batch_size": "4", "samples": "10", "seed": "1",
                "step": "4", "epoch": "1", "done": "4", "stopped": "0"}
    position.update((name, "0x1p+0") for name in ("loss", "correct", "seconds", "learning_rate"))
    position.update({"stopping.seen": "1", "stopping.best": "0x1p-1", "stopping.epoch": "1",
                     "stopping.wait": "0", "stopping.cooldown": "0"})
    tensors = {name + slot: np.ones(shape, "f4") for slot in ("", "/velocity")
               for name, shape in (("dense/kernel", (6, 3)), ("dense/bias", (3,)))}
    save_file(tensors, os.path.join(folder("checkpoint"), "run"), position)
    title = b"epoch,loss,accuracy,val_loss,val_accuracy,seconds,ms_per_step\n"
    seed("history", "rows", title + b"1,1.5,0.5,,,0.010,2.5000\n2,1.25,0.625,,,0.010,2.5000\n3,1,")


keras_files()
onnx_files()
images()
shards()
arrays()
data_sets()
runs()
shutil.copy(weights_image, folder("weights_image"))
for script in glob.glob(os.path.join(here, "..", "frontend", "models", "*.py")):
    shutil.copy(script, folder("script"))
