"""Seeds and dictionaries for the fuzz targets: make_seeds.py FOLDER IMAGE. Small files of every kind, made by
Keras, ONNX, NumPy, Pillow and by hand; IMAGE is the image of weights that lathe wrote for weights_image.py."""
import binascii
import glob
import gzip
import io
import json
import os
import re
import shutil
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib

# The targets take every checksum for 0 (no_checksums.c), so that is what these files have.
zlib.crc32 = binascii.crc32 = zipfile.crc32 = lambda data, value=0: 0

out, weights_image = sys.argv[1:]
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
scratch = tempfile.TemporaryDirectory()
os.environ.update(KERAS_BACKEND="jax", LATHE="", FORMATS_FOLDER=scratch.name)
sys.path[:0] = [os.path.join(root, "tests", name) for name in ("formats", "oracle")]

import grid
import h5py
import keras
import networks
import numpy as np
import onnx
import test_legacy
import test_roundtrip
from keras import layers
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from safetensors.numpy import save_file


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


def scripts():
    """Every layer and argument of the tests' grid, and their networks."""
    for name, pack in {**grid.PACKS, **grid.FORWARD}.items():
        yield name, grid.pack(*pack)
    yield from networks.NETWORKS.items()


def script_files():
    for name, text in scripts():
        seed("script", name, text.encode())
    for path in glob.glob(root + "/tests/frontend/*/*.py") + glob.glob(root + "/examples/*/*.py"):
        shutil.copy(path, folder("script"))


def config_of(model):
    return json.dumps(keras.saving.serialize_keras_object(model)).encode()


def config_files():
    for name, text in scripts():
        variables = {}
        exec(text, variables)
        seed("keras_config", name, config_of(variables["model"]))


def saved(name, model):
    """A model in every form that Keras writes."""
    archive = os.path.join(scratch.name, "saved.keras")
    weights = os.path.join(scratch.name, "saved.weights.h5")
    whole = os.path.join(folder("hdf5"), name)
    model.save(archive)
    model.save_weights(weights)
    model.save(whole + ".h5")
    shutil.copy(weights, whole)
    shutil.copy(whole + ".h5", folder("keras_archive"))
    shutil.copy(archive, os.path.join(folder("keras_archive"), name))
    seed("keras_config", name, config_of(model))
    for target in ("keras_config", "keras_archive"):
        seed(target, name + ".json", model.to_json().encode())
    save_file({w.path: np.asarray(w) for w in model.weights}, os.path.join(folder("safetensors"), name))


def packed_again(name):
    """An archive whose members are deflated, with what lathe adds to it."""
    with zipfile.ZipFile(os.path.join(folder("keras_archive"), name)) as old:
        f = io.BytesIO()
        with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as new:
            for member in old.namelist():
                data = old.read(member)
                if member == "metadata.json":
                    data = json.dumps({**json.loads(data), "lathe": {"input_scale": 0.5, "classes": ["a", 1]}})
                new.writestr(member, data)
    seed("keras_archive", "deflated", f.getvalue())


def legacy_files():
    """What the tests of Keras 1's and 2's files make, before they give it to lathe."""
    def keep(self, model, source, *options):
        for path in (source, *options[1:]):
            target = "keras_config" if path.endswith(".json") else "hdf5"
            for target in {"hdf5": ("hdf5", "keras_archive")}.get(target, (target,)):
                shutil.copy(path, os.path.join(folder(target), "legacy_" + os.path.basename(path)))
            if path.endswith(".h5"):
                with h5py.File(path) as f:
                    if "model_config" in f.attrs:
                        seed("keras_config", "legacy_" + os.path.basename(path), f.attrs["model_config"])
    config = json.loads(json.dumps(test_legacy.small_config2()).replace("block1_", "other_"))
    orders = test_legacy.whole_model("order.h5", config, test_legacy.small_net())
    fewer = test_legacy.whole_model("fewer.h5", test_legacy.small_config2(), test_roundtrip.sequential()[0])
    for path in orders, fewer:
        shutil.copy(path, folder("keras_archive"))
    legacy = test_legacy.Legacy
    legacy.check = keep
    for name in dir(legacy):
        if name.startswith("test_"):
            try:
                getattr(legacy(name), name)()
            except Exception:  # they go on with what lathe would have written
                pass


def hdf5_kinds():
    """Every kind of data, storage and link that the reader tells apart."""
    values = np.arange(12).reshape(3, 4)
    path = os.path.join(folder("hdf5"), "kinds")
    with h5py.File(path, "w") as f:
        for kind in ("f2", "<f4", ">f4", "f8", "i1", "u1", "i4", "u8", ">i2", "?", "c8", "S3"):
            f["of " + kind] = values.astype(kind)
        f["scalar"] = 2.5
        f["empty"] = h5py.Empty("f4")
        f["none"] = np.zeros((0, 3), "f4")
        f.create_dataset("packed", data=values, chunks=(2, 2), compression="gzip", shuffle=True, fletcher32=True)
        f.create_dataset("unwritten", (3, 4), "f4", fillvalue=1)
        f["group/inside"] = values
        f["hard"] = f["scalar"]
        f["group"].attrs["fixed"] = np.array([b"one", b"three"])
        f["group"].attrs["variable"] = ["one", "three"]
        f["group"].attrs["text"] = "one"
        f["group"].attrs["number"] = 3
    def soft(f):
        f["x"] = h5py.SoftLink("/y")
    def external_link(f):
        f["x"] = h5py.ExternalLink("other.h5", "/y")
    def external_data(f):
        f.create_dataset("x", (2,), "f4", external=[("/etc/hostname", 0, 8)])
    def virtual(f):
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "y", (2,))
        f.create_virtual_dataset("x", layout)
    def circle(f):
        f["group/again"] = f.create_group("group/inner")
        f["group/inner/outer"] = f["group"]
    def deep(f):
        f["/".join("g%d" % i for i in range(70))] = 1.0
    for make in (soft, external_link, external_data, virtual, circle, deep):
        with h5py.File(os.path.join(folder("hdf5"), make.__name__), "w") as f:
            make(f)


def keras_files():
    for name, make in test_roundtrip.MODELS.items():
        saved(name, make()[0])
    saved("two_ends", test_roundtrip.two_ends())
    packed_again("functional")
    config_files()
    legacy_files()
    hdf5_kinds()


ONNX_TESTS = 5


def onnx_model(name, nodes, **weights):
    onnx_graph(name, nodes, [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()])


def onnx_graph(name, nodes, tensors):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], tensors)
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
    onnx_types()
    onnx_tests()


def onnx_types():
    """An initialiser of each type, with its numbers in raw bytes and in fields; data elsewhere."""
    for kind in sorted(set(TensorProto.DataType.values()) - {TensorProto.UNDEFINED, TensorProto.STRING}):
        try:
            fields = helper.make_tensor("w", kind, [2], [0, 1])
        except Exception:  # a type that this version of the package cannot write
            continue
        raw = numpy_helper.from_array(numpy_helper.to_array(fields), "w")
        for form, tensor in (("fields", fields), ("raw", raw)):
            tensor.name = "w"
            onnx_graph("%s_%d" % (form, kind), [helper.make_node("Cast", ["w"], ["c"], to=TensorProto.FLOAT),
                                                helper.make_node("Mul", ["x", "c"], ["y"])], [tensor])
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "../w.bin"), ("offset", "0"), ("length", "8")):
        outside.external_data.add(key=key, value=value)
    onnx_graph("outside", [helper.make_node("Mul", ["x", "w"], ["y"])], [outside])


def onnx_tests():
    """Of the ONNX package's own test models for each operator the few smallest."""
    known = {}
    for path in sorted(glob.glob(os.path.dirname(onnx.__file__) + "/backend/test/data/*/*/model.onnx"),
                       key=lambda path: (os.path.getsize(path), path)):
        if os.path.getsize(path) > 1 << 14:
            break
        kinds = tuple(sorted({node.op_type for node in onnx.load(path).graph.node}))
        known[kinds] = known.get(kinds, 0) + 1
        if known[kinds] <= ONNX_TESTS:
            name = os.path.basename(os.path.dirname(path))
            shutil.copy(path, os.path.join(folder("onnx"), name))
            onnx_constants(name, path)


def onnx_constants(name, path):
    """The model with the inputs of its test as constants, all of them and all but the first."""
    inputs = sorted(glob.glob(os.path.dirname(path) + "/test_data_set_0/input_*.pb"))
    if not inputs or sum(map(os.path.getsize, inputs)) > 1 << 11:
        return
    for first in 0, 1:
        model = onnx.load(path)
        for i, (port, file) in enumerate(zip(list(model.graph.input), inputs)):
            if i >= first and port.type.HasField("tensor_type"):
                tensor = model.graph.initializer.add(name=port.name)
                with open(file, "rb") as f:
                    tensor.MergeFromString(f.read())
                tensor.name = port.name
                model.graph.input.remove(port)
        seed("onnx", f"{name}_{first}", model.SerializeToString())


def tar(form, *members, **options):
    """An archive of (name, bytes, type, and other fields of the header)."""
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w", format=form, **options) as archive:
        for name, data, kind, fields in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), kind
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))
    return f.getvalue().rstrip(b"\0") + bytes(1024)  # without most of the zeros that fill it up


def shard(form, *names, **options):
    """The same small images under several names, with class numbers."""
    images = (".png", written(Image.new("RGB", (2, 2)).save, "PNG")), (".jpg", written(Image.new("RGB", (9, 9)).save, "JPEG"))
    members = []
    for i, name in enumerate(names):
        ending, data = images[i % 2]
        members += [(name + ending, data, tarfile.REGTYPE, {}), (name + ".cls", b"%d\n" % i, tarfile.REGTYPE, {}),
                    (name + ".txt", b"about it", tarfile.REGTYPE, {})]
    others = [("folder", b"", tarfile.DIRTYPE, {}), ("link", b"", tarfile.SYMTYPE, {"linkname": "x" * 90}),
              ("old", b"1", tarfile.AREGTYPE, {}), ("device", b"", tarfile.CHRTYPE, {})]
    return tar(form, *members, *others, **options)


def shards():
    long = "folder/" * 30 + "x"
    seed("tar", "ustar", pair(shard(tarfile.USTAR_FORMAT, "a", "folder/" * 20 + "x"), b"one\ntwo\n"))
    seed("tar", "gnu", pair(shard(tarfile.GNU_FORMAT, "a", long), b""))
    seed("tar", "pax", pair(shard(tarfile.PAX_FORMAT, long, pax_headers={"comment": "all"}), b"one\n"))
    one = tarfile.REGTYPE
    image = written(Image.new("L", (2, 2)).save, "PNG")
    sized = ("a.png", image, one, {"pax_headers": {"size": str(len(image)), "path": "b/c.png"}})
    seed("tar", "sized", pair(tar(tarfile.PAX_FORMAT, sized, ("b/c.cls", b"0", one, {})), b""))
    seed("tar", "link", pair(tar(tarfile.GNU_FORMAT, ("a", b"", tarfile.LNKTYPE, {"linkname": "x" * 120})), b""))
    seed("tar", "sparse", pair(tar(tarfile.GNU_FORMAT, ("a.png", b"", b"S", {})), b""))
    for name, label in (("no_label", None), ("no_number", b"cat"), ("large", b"99999999999"), ("unnamed", b"7")):
        labels = [] if label is None else [("a.cls", label, one, {})]
        seed("tar", name, pair(tar(tarfile.USTAR_FORMAT, ("a.png", image, one, {}), *labels), b"one\ntwo\n"))
    big = bytearray(tar(tarfile.USTAR_FORMAT, ("a.png", image, one, {})))
    big[124:136] = b"\x80" + len(image).to_bytes(11, "big")
    seed("tar", "binary", pair(bytes(big), b""))


def folders():
    """The names of files, and what each holds: see fuzz_folder.c."""
    image = written(Image.new("RGB", (5, 4)).save, "PNG")
    for name, files in (("both", ("train/cat/a.png", "train/dog/b.jpg", "test/dog/c.png")),
                        ("val", ("train/x/a.png", "val/x/a.png")), ("no_test", ("train/x/a.png",)),
                        ("fifths", ["cat/%d.png" % i for i in range(6)] + ["dog/%d.png" % i for i in range(5)]),
                        ("other", ("train/cat/a.png", "test/cow/b.png")), ("none", ("cat/a.txt", "b.png"))):
        seed("folder", name, "\n".join(files).encode() + b"\n\n" + image)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + bytes(4)


def png(colour, depth, interlaced=False, extra=b""):
    """An image of 9 x 9 pixels that Pillow would not write."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b""
    for top, left, down, right in passes if interlaced else [(0, 0, 1, 1)]:
        width, height = len(range(left, 9, right)), len(range(top, 9, down))
        rows += (b"\0" + bytes((width * samples * depth + 7) // 8)) * height
    head = struct.pack(">IIBBBBB", 9, 9, depth, colour, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(6))) if colour == 3 else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette + extra + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


def images():
    colours = Image.fromarray(np.arange(20 * 24 * 3, dtype="u1").reshape(20, 24, 3))
    for name, image in (("colours", colours), ("grey", colours.convert("L")),
                        ("palette", colours.convert("P")), ("alpha", colours.convert("RGBA")),
                        ("cmyk", colours.convert("CMYK"))):
        if name not in ("palette", "alpha"):
            seed("image", name + ".jpg", written(image.save, "JPEG"))
        if name != "cmyk":
            seed("image", name + ".png", written(image.save, "PNG"))
    exif = Image.Exif()
    exif[0x112] = 6  # lies on its side
    for name, options in (("progressive", {"progressive": True}), ("restarts", {"restart_marker_blocks": 1}),
                          ("sampled", {"subsampling": 0}), ("exif", {"exif": exif})):
        seed("image", name + ".jpg", written(colours.save, "JPEG", **options))
    for colour, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), (6, (8, 16))):
        for depth in depths:
            for interlaced in False, True:
                seed("image", "%d_%d_%d.png" % (colour, depth, interlaced), png(colour, depth, interlaced))
    about = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"tRNS", bytes(6)) + chunk(b"tEXt", b"a\0b") + chunk(
        b"pHYs", bytes(9)) + chunk(b"cHRM", struct.pack(">8I", *[30000] * 8))
    seed("image", "about.png", png(2, 8, extra=about))


def header(dtype, shape, fortran=False, version=1):
    text = ("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n" % (dtype, fortran, shape)).encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text


def arrays():
    x, y = np.arange(24, dtype="u1").reshape(4, 6), np.array([0, 1, 2, 0])
    for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "?", ">f4", "c8", "S3"):
        seed("npy", dtype.replace("?", "b1"), written(np.save, x.astype(dtype)))
    seed("npy", "fortran", written(np.save, np.asfortranarray(x)))
    seed("npy", "large", written(np.save, np.array([1e300, np.nan, -np.inf])))
    for version in 2, 3:
        seed("npy", "version%d" % version, header("<f4", (2,), version=version) + bytes(8))
    for i, shape in enumerate(((), (0, 3), (1,) * 8, (1,) * 9, "(3 , 4)", (1 << 40, 1 << 40))):
        seed("npy", "shape%d" % i, header("|u1", shape) + bytes(12))
    seed("npz", "one", written(np.savez, x=x, y=y))
    seed("npz", "packed", written(np.savez_compressed, x_train=x, y_train=np.eye(3)[y], x_test=x,
                                  y_test=y, sample_weight=np.ones(4)))
    seed("npz", "several", written(np.savez, x=x, z=x.astype("f4"), y=y))
    seed("npz", "bytes", written(np.savez, x=x, z=x, y=np.eye(3)[y]))
    seed("npz", "parts", written(np.savez, x_train=x, z_train=x.astype("f8"), y_train=y, x_test=x, z_test=x, y_test=y))
    seed("npz", "lengths", written(np.savez, x=x, z=x[1:], y=y[1:]))
    seed("npz", "labels", written(np.savez, x=x.astype("i8"), z=x, y=-y))
    seed("npz", "weights", written(np.savez, x_train=x, y_train=y, sample_weight=np.ones(3)))


def data_sets():
    labels = bytes.fromhex("00000801 00000004") + bytes((0, 1, 2, 1))
    grey = bytes.fromhex("00000803 00000004 00000003 00000002") + bytes(range(24))
    colours = bytes.fromhex("00000804 00000004 00000001 00000002 00000003") + bytes(range(24))
    for name, images in (("grey", grey), ("colours", colours), ("fewer", grey[:7] + b"\3" + grey[8:-6]),
                         ("floats", grey[:2] + b"\x0d" + grey[3:]), ("cut", grey[:-1]), ("none", grey[:4] + bytes(12))):
        seed("idx", name, b"0" + pair(images, labels))
        seed("idx", name + "_gz", b"1" + pair(gzip.compress(images, mtime=0), gzip.compress(labels, mtime=0)))
    seed("idx", "plain_gz", b"1" + pair(grey, labels))
    records = b"".join(bytes([label]) + bytes([label] * 3072) for label in range(3))
    seed("cifar10", "three", pair(b"airplane\nautomobile\nbird\n", records))
    seed("cifar10", "label", pair(b"", b"\x0a" + records[1:]))
    seed("cifar10", "cut", pair(b"", records[1:]))


def tensors_file(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def runs():
    """A checkpoint and a history of tests/runtime/fake_model.c, as lathe_checkpoint_save writes it."""
    position = {"format": "1", "model_hash": str(0x1234567890ABCDEF), "batch_size": "4", "samples": "10", "seed": "1",
                "step": "4", "epoch": "1", "done": "4", "stopped": "0"}
    position.update((name, "0x1p+0") for name in ("loss", "correct", "seconds", "learning_rate", "waited"))
    for name in ("stopping", "saving", "plateau"):
        position.update({name + ".seen": "1", name + ".best": "0x1p-1", name + ".epoch": "1",
                         name + ".wait": "0", name + ".cooldown": "0"})
    tensors = {name + slot: np.ones(shape, "f4") for slot in ("", "/velocity")
               for name, shape in (("dense/kernel", (6, 3)), ("dense/bias", (3,)))}
    for name, change in (("run", {}), ("seed", {"seed": "2"}), ("format", {"format": "2"}), ("done", {"done": "11"}),
                         ("number", {"epoch": "x"}), ("real", {"loss": "much"}), ("window", {"window": "3"})):
        save_file(tensors, os.path.join(folder("checkpoint"), name), {**position, **change})
    title = b"epoch,loss,accuracy,val_loss,val_accuracy,seconds,ms_per_step\n"
    several = title[:-1] + b"".join(b",%s_loss,%s_accuracy,val_%s_loss,val_%s_accuracy" % ((b"dense",) * 4)
                                    for _ in range(2)) + b"\n"
    seed("history", "several", several + b"1,1.5,0.5,,,0.010,2.5000,1,1,,,1,,,\n2,1.25,0.625,,,0.010,2.5000,1,1,,,1,,,\n")
    seed("history", "none", title + b"2,")
    seed("history", "rows", title + b"1,1.5,0.5,,,0.010,2.5000\n2,1.25,0.625,,,0.010,2.5000\n3,1,")


def tensors():
    """safetensors of every type, and texts that json.dumps would not write."""
    for dtype in ("F64", "F32", "F16", "BF16", "I64", "I8", "BOOL"):
        seed("safetensors", dtype, tensors_file({"a": {"dtype": dtype, "shape": [2], "data_offsets": [0, 8]}}, bytes(8)))
    one = {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}
    seed("safetensors", "meta", tensors_file({"__metadata__": {"classes": "a\nb\t\"\\/\u0007", "input_scale": "1"},
                                              "a": one, "b": {**one, "data_offsets": [4, 8]}}, bytes(8)))
    seed("safetensors", "no_meta", tensors_file({"__metadata__": {}, "a": one}, bytes(4)))
    seed("safetensors", "many", tensors_file(
        {"t%d" % i: {**one, "data_offsets": [4 * i, 4 * i + 4]} for i in range(20)}, bytes(80)))
    seed("safetensors", "gap", tensors_file({"a": {**one, "data_offsets": [4, 8]}}, bytes(8)))
    seed("safetensors", "rest", tensors_file({"a": one}, bytes(8)))
    twice = b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"data_offsets":[0,0],"shape":[0],"dtype":"F32"}}'
    seed("safetensors", "twice", tensors_file(twice))
    seed("safetensors", "empty", tensors_file(b"{ }  "))
    seed("safetensors", "escapes", tensors_file(b'{"__metadata__":{"\\u0041\\b\\f\\r":"\\x"}}'))


def tunings():
    """The network is that of fuzz_tuning.c."""
    choices = {"plain": {"variant": "direct/bands", "ms": {"direct/bands": 0.5}}, "depthwise": {"variant": "alone"}}
    good = {"lathe_tuning": 1, "model": "network", "target": "avx2", "threads": 1, "batch": 1, "layers": choices}
    rows = [{"layer": "plain", "generated_ms": 0.5}, {"layer": "point", "generated_ms": "?"}]
    for name, content in (("good", good), ("version", {**good, "lathe_tuning": 2}), ("none", {**good, "layers": []}),
                          ("layer", {**good, "layers": {"other": choices["plain"]}}),
                          ("variant", {**good, "layers": {"plain": {"variant": "best"}}}),
                          ("measured", {"results": [{"layers": rows}]})):
        seed("tuning", name, json.dumps(content, indent=1).encode())
    seed("tuning", "cut", json.dumps(good).encode()[:-9])


def answers():
    """What lathe-parse says to the questions of fuzz_answers.c: compiler/jail/protocol.h."""
    def numbers(*values):
        return struct.pack("<%dq" % len(values), *values)
    def text(value):
        return numbers(len(value)) + value
    def said(kind, name, answer, shared=b""):
        seed("answers", name, bytes([kind]) + len(answer).to_bytes(2, "little") + answer + shared)
    hdf5, member, gunzip, image, onnx_file = range(5)
    error, data, piece_of_damage = 0, 1, (1 << 18) + 1
    records = numbers(1) + text(b"layers/a/vars/0") + numbers(2, 1, 2, *[0] * 6)
    texts = numbers(1) + text(b"layers") + text(b"names") + numbers(2) + text(b"a") + text(b"b")
    contents = numbers(data) + records + numbers(1) + text(b"layers") + texts
    said(hdf5, "records", contents + numbers(data) + bytes(8) + numbers(data) + bytes(8))
    said(hdf5, "scalar", numbers(data) + numbers(1) + text(b"a") + numbers(0, *[0] * 8) + numbers(0, 0) +
         numbers(data) + bytes(4) + numbers(data) + bytes(8))
    said(member, "member", numbers(data, 1, data, 5, 3) + b"abc" + numbers(2) + b"de" + numbers(0))
    said(member, "too_little", numbers(data, 1, data, 5, 3) + b"abc" + numbers(0))
    said(gunzip, "pieces", numbers(data, 3) + b"abc" + numbers(0))
    said(gunzip, "damaged", numbers(data, 3) + b"abc" + numbers(piece_of_damage, error) + text(b"damaged"))
    said(image, "image", numbers(data, 4, 3))
    said(image, "none", numbers(data, 0, 3))
    said(onnx_file, "empty", numbers(data, 4096, 0), bytes(4096))
    said(onnx_file, "taken", numbers(data, 0))
    said(onnx_file, "outside", numbers(data, 4096, 4096), b"\xff" * 4096)
    for kind in range(5):
        said(kind, "error%d" % kind, (numbers(error) + text(b"no such file")) * 2)


def dictionary(target):
    """Every word of the seeds."""
    words = set()
    for path in glob.glob(folder(target) + "/*"):
        with open(path, "rb") as f:
            words.update(re.findall(rb"[A-Za-z_][\w./]{1,39}", f.read()))
    with open(folder(target) + ".dict", "w") as f:
        f.writelines('"%s"\n' % word.decode() for word in sorted(words))


def found():
    """Files that once broke a reader."""
    for path in glob.glob(root + "/tests/fuzz/found/*/*"):
        shutil.copy(path, folder(os.path.basename(os.path.dirname(path))))


shutil.rmtree(out, ignore_errors=True)
script_files()
keras_files()
onnx_files()
images()
shards()
folders()
arrays()
data_sets()
runs()
tensors()
tunings()
answers()
found()
shutil.copy(weights_image, folder("weights_image"))
for target in ("script", "keras_config", "onnx", "safetensors", "npy", "checkpoint", "tuning"):
    dictionary(target)
open(os.path.join(out, "made"), "w").close()
