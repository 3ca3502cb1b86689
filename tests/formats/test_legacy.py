"""Files in the layouts of Keras 1, Keras 2 and TensorFlow 2, made by hand."""
import unittest

from files import *


def small_net():
    x = layers.Input((8, 8, 3), name="input_1")
    y = layers.Conv2D(4, 3, padding="same", activation="relu", name="block1_conv1")(x)
    y = layers.BatchNormalization(name="bn1")(y)
    y = layers.Conv2D(5, 3, name="block1_conv2")(y)
    y = layers.Flatten(name="flatten")(y)
    y = layers.Dense(3, activation="softmax", name="fc")(y)
    m = keras.Model(x, y, name="model_1")
    draw(m)
    return m


def conv2(name, filters, **more):
    """A Conv2D as Keras 2 wrote it."""
    config = {"name": name, "trainable": True, "dtype": "float32", "filters": filters,
              "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid",
              "data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1,
              "activation": "linear", "use_bias": True,
              "kernel_initializer": {"class_name": "VarianceScaling", "config": {
                  "scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None,
                  "dtype": "float32"}},
              "bias_initializer": {"class_name": "Zeros", "config": {"dtype": "float32"}},
              "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None,
              "kernel_constraint": None, "bias_constraint": None}
    return {"class_name": "Conv2D", "config": {**config, **more}}


def layer2(class_name, name, **config):
    return {"class_name": class_name,
            "config": {"name": name, "trainable": True, "dtype": "float32", **config}}


def functional2(name, nodes, outputs, inputs=None):
    """Layers and what each is called on, as Keras 2 wrote them."""
    items = [{**layer, "name": layer["config"]["name"], "inbound_nodes": calls}
             for layer, calls in nodes]
    return {"class_name": "Functional", "config": {
        "name": name, "layers": items, "input_layers": inputs or [["input_1", 0, 0]],
        "output_layers": outputs}}


INPUT2 = ({"class_name": "InputLayer", "config": {
    "batch_input_shape": [None, 8, 8, 3], "dtype": "float32", "sparse": False, "ragged": False,
    "name": "input_1"}}, [])


def small_config2():
    return functional2("model_1", [
        INPUT2,
        (conv2("block1_conv1", 4, padding="same", activation="relu"), [[["input_1", 0, 0, {}]]]),
        (layer2("BatchNormalization", "bn1", axis=[3], momentum=0.99, epsilon=0.001, center=True,
                scale=True), [[["block1_conv1", 0, 0, {}]]]),
        (conv2("block1_conv2", 5), [[["bn1", 0, 0, {}]]]),
        (layer2("Flatten", "flatten", data_format="channels_last"),
         [[["block1_conv2", 0, 0, {}]]]),
        (layer2("Dense", "fc", units=3, activation="softmax", use_bias=True),
         [[["flatten", 0, 0, {}]]])], [["fc", 0, 0]])


def whole_model(name, config, model, training=None, **how):
    with h5py.File(path(name), "w") as f:
        f.attrs["model_config"] = json.dumps(config).encode()
        f.attrs["backend"] = b"tensorflow"
        f.attrs["keras_version"] = b"2.4.0"
        if training:
            f.attrs["training_config"] = json.dumps(training).encode()
        put_layers(f.create_group("model_weights"), model, tensorflow_name, **how)
    return path(name)


x = np.random.default_rng(3).normal(size=(4, 8, 8, 3)).astype("float32")


class Legacy(unittest.TestCase):
    def check(self, model, source, *options):
        same(self, outputs(model, x), outputs(converted(source, "converted.keras", *options), x))

    def test_tensorflow2_model(self):
        m = small_net()
        training = {"loss": "categorical_crossentropy",
                    "metrics": [[{"class_name": "MeanMetricWrapper", "config": {
                        "name": "accuracy", "dtype": "float32", "fn": "categorical_accuracy"}}]],
                    "weighted_metrics": None, "loss_weights": None,
                    "optimizer_config": {"class_name": "Adam", "config": {
                        "name": "Adam", "learning_rate": 0.003, "decay": 0.0, "beta_1": 0.9,
                        "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": False}}}
        for how in ({}, {"compression": "gzip"}, {"dtype": "float16"}, {"dtype": "float64"}):
            with self.subTest(**how):
                if how.get("dtype") == "float16":
                    m.set_weights([w.astype("float16").astype("float32") for w in m.get_weights()])
                file = whole_model("tf2.h5", small_config2(), m, training, **how)
                self.check(m, file)
        again = keras.models.load_model(path("converted.keras"))
        self.assertAlmostEqual(float(again.optimizer.learning_rate), 0.003, places=6)
        self.assertEqual(again.loss, "categorical_crossentropy")

    def test_published_weights(self):
        """Weights only, Keras 1's names, as VGG16's are published; with and without the top."""
        m = small_net()
        name = lambda layer, v: f"{layer.name}_{'W' if v.name == 'kernel' else v.name}_1:0"
        config = write_json("small.json", small_config2())
        with h5py.File(path("full.h5"), "w") as f:
            put_layers(f, m, name, backend=None)
        self.check(m, config, "--weights", path("full.h5"))
        top_less = keras.Model(m.inputs, m.get_layer("block1_conv2").output)
        with h5py.File(path("notop.h5"), "w") as f:
            put_layers(f, top_less, name, backend=None)
        for file in ("full.h5", "notop.h5"):
            with self.subTest(file=file):
                with open(path("topless.json"), "w") as f:
                    f.write(top_less.to_json())
                self.check(top_less, path("topless.json"), "--weights", path(file))
        status, _, err = run("convert", config, path("never.keras"), "--weights", path("notop.h5"))
        self.assertEqual(status, 1)
        self.assertIn("'fc'", err)
        self.assertFalse(os.path.exists(path("never.keras")))

    def test_by_order(self):
        """Other names, the same number of layers: by order, as Keras does."""
        m = small_net()
        config = json.loads(json.dumps(small_config2()).replace("block1_", "other_"))
        with h5py.File(path("names.h5"), "w") as f:
            put_layers(f, m, tensorflow_name)
        self.check(m, write_json("other.json", config), "--weights", path("names.h5"))

    def test_names_in_parts(self):
        """Long lists of names are spread over several attributes."""
        m = small_net()
        with h5py.File(path("parts.h5"), "w") as f:
            put_layers(f, m, tensorflow_name)
            names = [l.name for l in m.layers]
            del f.attrs["layer_names"]
            put_strings(f, "layer_names0", names[:3])
            put_strings(f, "layer_names1", names[3:])
        self.check(m, write_json("small.json", small_config2()), "--weights", path("parts.h5"))

    def test_keras1(self):
        m = keras.Sequential([layers.Input((8, 8, 3)),
                              layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same",
                                            activation="relu", name="convolution2d_1"),
                              layers.BatchNormalization(name="batchnormalization_1"),
                              layers.MaxPooling2D((2, 2), name="maxpooling2d_1"),
                              layers.Flatten(name="flatten_1"),
                              layers.Dropout(0.25, name="dropout_1"),
                              layers.Dense(3, activation="softmax", name="dense_1")])
        draw(m)
        config = {"class_name": "Sequential", "config": [
            {"class_name": "Convolution2D", "config": {
                "name": "convolution2d_1", "trainable": True, "batch_input_shape": [None, 8, 8, 3],
                "input_dtype": "float32", "nb_filter": 4, "nb_row": 3, "nb_col": 2,
                "init": "glorot_uniform", "activation": "relu", "border_mode": "same",
                "subsample": [2, 1], "dim_ordering": "tf", "W_regularizer": None,
                "b_regularizer": None, "activity_regularizer": None, "W_constraint": None,
                "b_constraint": None, "bias": True}},
            {"class_name": "BatchNormalization", "config": {
                "name": "batchnormalization_1", "trainable": True, "epsilon": 0.001, "mode": 0,
                "axis": -1, "momentum": 0.99, "gamma_regularizer": None,
                "beta_regularizer": None}},
            {"class_name": "MaxPooling2D", "config": {
                "name": "maxpooling2d_1", "trainable": True, "pool_size": [2, 2],
                "strides": [2, 2], "border_mode": "valid", "dim_ordering": "tf"}},
            {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
            {"class_name": "Dropout", "config": {"name": "dropout_1", "trainable": True,
                                                 "p": 0.25}},
            {"class_name": "Dense", "config": {
                "name": "dense_1", "trainable": True, "output_dim": 3, "init": "glorot_uniform",
                "activation": "softmax", "W_regularizer": None, "b_regularizer": None,
                "activity_regularizer": None, "W_constraint": None, "b_constraint": None,
                "bias": True, "input_dim": None}}]}
        roles = {"kernel": "W", "bias": "b", "moving_mean": "running_mean",
                 "moving_variance": "running_std"}
        with h5py.File(path("keras1.h5"), "w") as f:
            f.attrs["model_config"] = json.dumps(config).encode()
            put_layers(f.create_group("model_weights"), m,
                       lambda l, v: f"{l.name}_{roles.get(v.name, v.name)}", backend=None)
        self.check(m, path("keras1.h5"))

    def test_keras1_merge(self):
        a = layers.Input((8, 8, 3), name="input_1")
        b = layers.Conv2D(3, 3, padding="same", name="c")(a)
        m = keras.Model(a, layers.Add(name="merge_1")([a, b]))
        draw(m)
        config = functional2("m", [
            INPUT2, (conv2("c", 3, padding="same"), [[["input_1", 0, 0]]]),
            (layer2("Merge", "merge_1", mode="sum", concat_axis=-1, dot_axes=-1,
                    mode_type="raw", output_shape=None, output_mask=None),
             [[["input_1", 0, 0], ["c", 0, 0]]])], [["merge_1", 0, 0]])
        config["class_name"] = "Model"
        self.check(m, whole_model("merge.h5", config, m))

    def test_model_inside(self):
        """A model inside counts its own building as call 0 in older files."""
        inner = keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(2, 3, name="conv"),
                                  layers.BatchNormalization(name="bn"),
                                  layers.Conv2D(2, 3, name="last")], name="inner")
        a = layers.Input((8, 8, 3), name="input_1")
        m = keras.Model(a, layers.Flatten(name="flat")(inner(a)))
        draw(m)
        part = {"class_name": "Sequential", "config": {"name": "inner", "layers": [
            conv2("conv", 2, batch_input_shape=[None, 8, 8, 3]),
            layer2("BatchNormalization", "bn", axis=[3], momentum=0.99, epsilon=0.001, center=True,
                   scale=True), conv2("last", 2)]}}
        for node in (0, 1):
            with self.subTest(node=node):
                config = functional2("m", [
                    INPUT2, (part, [[["input_1", 0, 0, {}]]]),
                    (layer2("Flatten", "flat"), [[["inner", node, 0, {}]]])], [["flat", 0, 0]])
                self.check(m, whole_model("inside.h5", config, m))

    def test_depthwise_groups(self):
        """Keras 3 itself refuses DepthwiseConv2D with groups, which Keras 2 wrote."""
        a = layers.Input((8, 8, 3), name="input_1")
        m = keras.Model(a, layers.DepthwiseConv2D(3, name="dw")(a))
        draw(m)
        config = functional2("m", [
            INPUT2, (layer2("DepthwiseConv2D", "dw", kernel_size=[3, 3], strides=[1, 1],
                            padding="valid", data_format="channels_last", dilation_rate=[1, 1],
                            groups=1, activation="linear", use_bias=True, depth_multiplier=1),
                     [[["input_1", 0, 0, {}]]])], [["dw", 0, 0]])
        self.check(m, whole_model("depthwise.h5", config, m))


if __name__ == "__main__":
    unittest.main()
