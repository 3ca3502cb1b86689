"""Bad files: status 1, a message that names the file, the layer and the reason, and nothing written."""
import shutil
import struct
import unittest
import zipfile

from files import *


def model():
    x = layers.Input((6, 6, 2), name="in")
    y = layers.Conv2D(3, 3, name="conv")(x)
    y = layers.BatchNormalization(name="bn")(y)
    y = layers.Dense(2, name="fc")(layers.Flatten(name="flat")(y))
    m = keras.Model(x, y, name="net")
    m.compile("adam", "mse")
    return m


net = model()
net.save(path("good.keras"))
net.save(path("good.h5"))
net.save_weights(path("good.weights.h5"))
with open(path("good.json"), "w") as f:
    f.write(net.to_json())
config = json.loads(net.to_json())


def copy(name):
    """A good .h5 or .weights.h5 to be damaged, opened."""
    target = path("bad" + name[name.index("."):])
    shutil.copy(path(name), target)
    return h5py.File(target, "r+")


def changed(change):
    value = json.loads(json.dumps(config))
    change({item["name"]: item for item in value["config"]["layers"]}, value)
    return write_json("bad.json", value)


class Damaged(unittest.TestCase):
    def refuses(self, source, *texts, options=()):
        status, out, err = run("convert", source, path("never.keras"), *options)
        self.assertEqual(status, 1, err)
        for text in texts:
            self.assertIn(text, err)
        self.assertFalse([n for n in os.listdir(FOLDER) if n.startswith("never")])

    def refuses_weights(self, *texts):
        self.refuses(path("good.json"), "bad.weights.h5", *texts,
                     options=("--weights", path("bad.weights.h5")))

    # --- containers
    def test_zip(self):
        with open(path("good.keras"), "rb") as f:
            data = f.read()
        for n in (0, 3, 4, 50, len(data) // 2, len(data) - 1):
            with open(path("bad.keras"), "wb") as f:
                f.write(data[:n])
            self.refuses(path("bad.keras"), "bad.keras: error:")
        middle = bytearray(data)
        at = data.index(b"keras_history")
        middle[at] ^= 1
        with open(path("bad.keras"), "wb") as f:
            f.write(middle)
        self.refuses(path("bad.keras"), "'config.json' in the archive is damaged")
        for missing in ("config.json", "model.weights.h5", "metadata.json"):
            with zipfile.ZipFile(path("good.keras")) as a, zipfile.ZipFile(path("bad.keras"),
                                                                           "w") as b:
                for name in a.namelist():
                    if name != missing:
                        b.writestr(name, a.read(name))
            self.refuses(path("bad.keras"), f"the archive has no '{missing}'")

    def test_zip_bomb(self):
        with zipfile.ZipFile(path("bad.keras"), "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("config.json", b" " * (200 << 20))
        self.refuses(path("bad.keras"), "'config.json' in the archive is damaged: its size")

    def test_false_sizes(self):
        """A directory that claims 1.9 GB of packed data in a small archive."""
        with open(path("good.keras"), "rb") as f:
            data = bytearray(f.read())
        at = data.rindex(b"PK\1\2", 0, data.rindex(b"config.json"))
        data[at + 20:at + 28] = struct.pack("<II", 1_900_000_000, 1_900_000_000)
        with open(path("bad.keras"), "wb") as f:
            f.write(data)
        self.refuses(path("bad.keras"), "'config.json' in the archive is damaged: its size")

    def test_hdf5_truncated(self):
        with open(path("good.h5"), "rb") as f:
            data = f.read()
        for n in (8, 100, 600, len(data) // 2, len(data) - 1000):
            with open(path("bad.h5"), "wb") as f:
                f.write(data[:n])
            self.refuses(path("bad.h5"), "bad.h5: error:")

    def test_no_model(self):
        self.refuses(path("good.weights.h5"), "it holds weights, but not the model")
        self.refuses(path("nothing.keras"), "nothing.keras", "No such file")
        with open(path("bad.json"), "w") as f:
            f.write('{"class_name": "Sequential", ')
        self.refuses(path("bad.json"), "bad.json: error: the file is not valid JSON: line 1")
        self.refuses(write_json("bad.json", [1, 2]), "not a model")
        self.refuses(write_json("bad.json", {"class_name": "Dense", "config": {}}), "'Dense'")

    # --- what would lead out of the file
    def test_links(self):
        shutil.copy(path("good.weights.h5"), path("other.h5"))
        for link in (h5py.ExternalLink(path("other.h5"), "/layers/conv2d/vars/0"),
                     h5py.SoftLink("/layers/dense/vars/0")):
            with copy("good.weights.h5") as f:
                del f["layers/conv2d/vars/0"]
                f["layers/conv2d/vars/0"] = link
            kind = "an external" if isinstance(link, h5py.ExternalLink) else "a soft"
            self.refuses_weights(f"'layers/conv2d/vars/0' is {kind} link")

    def test_links_in_models(self):
        """The same for a group of a whole model, and inside an archive."""
        with copy("good.h5") as f:
            del f["model_weights"]
            f["model_weights"] = h5py.ExternalLink(path("good.h5"), "/model_weights")
        self.refuses(path("bad.h5"), "bad.h5", "'model_weights' is an external link")
        with copy("good.weights.h5") as f:
            del f["layers/dense/vars/0"]
            f["layers/dense/vars/0"] = h5py.ExternalLink(path("good.weights.h5"), "/layers/dense/vars/0")
        with zipfile.ZipFile(path("bad.keras"), "w") as b, zipfile.ZipFile(path("good.keras")) as a:
            for name in a.namelist():
                if name == "model.weights.h5":
                    b.write(path("bad.weights.h5"), name)
                else:
                    b.writestr(name, a.read(name))
        self.refuses(path("bad.keras"), "bad.keras", "'layers/dense/vars/0' is an external link")

    def test_outside_data(self):
        shape = (3, 3, 2, 3)
        with copy("good.weights.h5") as f:
            del f["layers/conv2d/vars/0"]
            layout = h5py.VirtualLayout(shape, "f4")
            layout[...] = h5py.VirtualSource(path("other.h5"), "x", shape)
            f.create_virtual_dataset("layers/conv2d/vars/0", layout)
        self.refuses_weights("'layers/conv2d/vars/0' is a virtual data set")
        with copy("good.weights.h5") as f:
            del f["layers/conv2d/vars/0"]
            f["layers/conv2d/vars"].create_dataset("0", shape, "f4", external=[
                (path("other.h5"), 0, h5py.h5f.UNLIMITED)])
        self.refuses_weights("stored outside of the file")

    # --- weights
    def test_unwritten(self):
        with copy("good.weights.h5") as f:
            del f["layers/conv2d/vars/0"]
            f["layers/conv2d/vars"].create_dataset("0", (2**31, 2**20), "f4", chunks=(64, 64))
        self.refuses_weights("'layers/conv2d/vars/0': the file does not hold the data of its shape")

    def test_shapes(self):
        for shape in ((3, 3, 2, 4), (3, 3, 6), (54,), ()):
            with copy("good.weights.h5") as f:
                del f["layers/conv2d/vars/0"]
                f["layers/conv2d/vars"].create_dataset("0", shape, "f4")
            self.refuses_weights("conv/kernel has shape (3, 3, 2, 3) in the model, but")
        with copy("good.weights.h5") as f:
            del f["layers/conv2d/vars/0"]
            f["layers/conv2d/vars/0"] = np.zeros((3, 2, 3, 3), "f4")
        self.refuses_weights("Theano's order")

    def test_missing(self):
        with copy("good.weights.h5") as f:
            del f["layers/batch_normalization/vars/2"]
            del f["layers/dense"]
        self.refuses_weights("layer 'bn': the file has no bn/moving_mean",
                             "layer 'fc': the file has no fc/kernel")
        with copy("good.weights.h5") as f:
            f["layers/dense/vars/2"] = np.zeros(5)
        self.refuses_weights("layer 'fc' has 2 weights, but more in the file")
        with copy("good.weights.h5") as f:
            del f["layers/dense/vars/1"]
            f["layers/dense/vars/1"] = np.array([b"a", b"b"])
        self.refuses_weights("'layers/dense/vars/1': it holds no numbers")
        with copy("good.h5") as f:
            del f["model_weights/fc/fc/kernel"]
        self.refuses(path("bad.h5"), "layer 'fc': the file lists 'fc/kernel', but does not have it")
        with copy("good.h5") as f:
            f["model_weights"].attrs["backend"] = "theano"
        self.refuses(path("bad.h5"), "Theano's order")

    def test_not_numbers(self):
        with copy("good.weights.h5") as f:
            f["layers/dense/vars/1"][0] = np.nan
        status, _, err = run("convert", path("good.json"), path("out.keras"), "--weights",
                             path("bad.weights.h5"))
        self.assertEqual(status, 0)
        self.assertIn("warning: fc/bias: 1 of its 2 values are no finite numbers", err)

    # --- configs
    def test_unsupported_layers(self):
        """All at once, with the names of the layers and what is near."""
        def change(items, _):
            items["conv"]["class_name"] = "ConvLSTM2D"
            items["bn"]["class_name"] = "BatchNormalisation"
            items["flat"]["class_name"] = "Lambda"
        self.refuses(changed(change), "unsupported layer class ConvLSTM2D: layer 'conv'",
                     "nearest alternative: Conv2D", "BatchNormalisation: layer 'bn'",
                     "nearest alternative: BatchNormalization",
                     "Lambda (it holds Python code, which lathe never runs): layer 'flat'")

    def test_arguments(self):
        def change(items, _):
            items["conv"]["config"]["filters"] = -3
            items["fc"]["config"]["activation"] = {"class_name": "__lambda__",
                                                   "config": {"value": "gASV"}}
        self.refuses(changed(change), "layer 'conv': Conv2D: filters must be", "not -3",
                     "layer 'fc': activation holds Python code")

    def test_graphs(self):
        def history(item, to):
            item["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = to
        self.refuses(changed(lambda i, _: history(i["conv"], ["fc", 0, 0])), "layer 'conv'",
                     "loop")
        self.refuses(changed(lambda i, _: history(i["conv"], ["gone", 0, 0])),
                     "refers to a layer 'gone'")
        self.refuses(changed(lambda i, _: history(i["conv"], ["in", 0, 7])), "has no result 7")
        self.refuses(changed(lambda i, _: history(i["conv"], ["in", 3, 0])), "loop")
        self.refuses(changed(lambda i, _: i["conv"].update(inbound_nodes=[])), "error:")
        self.refuses(changed(lambda i, _: i["fc"].update(name="conv")), "name 'conv'")
        self.refuses(changed(lambda _, v: v["config"].update(output_layers=[])), "no outputs")
        self.refuses(changed(lambda _, v: v["config"].update(input_layers=["conv", 0, 0])),
                     "an input is not among its layers")
        self.refuses(changed(lambda i, _: i["in"]["config"].update(
            batch_shape=[None, None, None, 2])), "input 'in'", "None is not supported")


if __name__ == "__main__":
    unittest.main()
