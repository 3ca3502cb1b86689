"""Whole runs of `lathe train` against model.fit of the same script under Keras: schedules, callbacks, validation
split, class weights, gradient accumulation. The networks start at constants and data is not shuffled, so that
both see the same batches; they are convex, so that rounding does not grow."""
import csv
import filecmp
import os
import runpy
import shutil
import unittest

import numpy as np
import onnx
import safetensors.numpy
from onnx import helper

import compare
import lathe_abi
from keras_side import keras

SAMPLES, BATCH = 90, 8

SCRIPT = """import keras
import numpy as np
from keras import callbacks, layers
from keras.optimizers import schedules

data = np.load({data!r})
model = keras.Sequential([
    layers.Input((6,)),
    layers.Dense(4, kernel_initializer='zeros', activation='softmax'),
])
model.compile(optimizer={optimizer}, loss='sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit(data['x'], data['y'], batch_size={batch}, shuffle=False, verbose=0, {fit})
"""

SCHEDULES = {
    "exponential": "schedules.ExponentialDecay(0.3, 20, 0.7)",
    "exponential_stairs": "keras.optimizers.schedules.ExponentialDecay(0.3, decay_steps=9, decay_rate=0.5, staircase=True)",
    "piecewise": "schedules.PiecewiseConstantDecay([5, 17, 20], [0.3, 0.1, 0.2, 0.02])",
    "polynomial": "schedules.PolynomialDecay(0.3, 30, end_learning_rate=0.01, power=2.0)",
    # A power of two: XLA multiplies by 1 / decay_steps, and ceil would see the rounding of others.
    "polynomial_cycle": "schedules.PolynomialDecay(0.3, 8, 0.01, cycle=True)",
    "inverse_time": "schedules.InverseTimeDecay(0.4, 10, 0.9)",
    "inverse_time_stairs": "schedules.InverseTimeDecay(0.4, 10, 0.9, staircase=True)",
    "cosine": "schedules.CosineDecay(0.3, 30, alpha=0.1)",
    "cosine_warmup": "schedules.CosineDecay(0.01, 20, warmup_target=0.4, warmup_steps=11)",
    "cosine_restarts": "schedules.CosineDecayRestarts(0.3, 7)",
    "cosine_restarts_even": "schedules.CosineDecayRestarts(0.3, 6, t_mul=1.0, m_mul=0.8, alpha=0.05)",
}

# name: optimizer, arguments of fit
RUNS = {
    "plain": ("'sgd'", "epochs=3"),
    "split": ("keras.optimizers.SGD(0.2, momentum=0.5)", "epochs=4, validation_split=0.3"),
    "early_stopping": ("keras.optimizers.SGD(2.0)", "epochs=30, validation_split=0.3, callbacks=["
                       "keras.callbacks.EarlyStopping(patience=2)]"),
    "early_stopping_best": ("keras.optimizers.SGD(2.0)", "epochs=30, validation_split=0.3, callbacks=["
                            "callbacks.EarlyStopping('val_accuracy', patience=3, min_delta=0.01, "
                            "restore_best_weights=True, start_from_epoch=2)]"),
    "early_stopping_baseline": ("keras.optimizers.SGD(0.01)", "epochs=30, callbacks="
                                "callbacks.EarlyStopping(monitor='loss', mode='min', baseline=0.5, patience=4)"),
    "accumulate": ("keras.optimizers.SGD(0.5, momentum=0.9, gradient_accumulation_steps=5, clipnorm=0.3)", "epochs=6"),
    "accumulate_adam": ("keras.optimizers.AdamW(schedules.CosineDecay(0.2, 40), gradient_accumulation_steps=3)",
                        "epochs=5, validation_split=0.2"),
    "class_weight": ("keras.optimizers.SGD(0.2)", "epochs=3, validation_split=0.3, class_weight={0: 0.2, 1: 3, 3: 1.5}"),
    "plateau": ("keras.optimizers.SGD(3.0)", "epochs=14, validation_split=0.3, callbacks=["
                "callbacks.ReduceLROnPlateau(factor=0.3, patience=2, cooldown=1, min_lr=0.1), "
                "callbacks.TerminateOnNaN()]"),
    "plateau_accuracy": ("keras.optimizers.Adam(0.1)", "epochs=12, callbacks=["
                         "callbacks.ReduceLROnPlateau('accuracy', factor=0.5, patience=1, min_delta=0.05)]"),
}


class Fit(compare.OracleCase):
    @classmethod
    def setUpClass(cls):
        random = np.random.default_rng(7)
        os.makedirs(compare.FOLDER, exist_ok=True)
        cls.data = os.path.join(compare.FOLDER, "data.npz")
        x = random.normal(size=(SAMPLES, 6)).astype(np.float32)
        y = (x @ random.normal(size=(6, 4)) + random.normal(size=(SAMPLES, 4))).argmax(1)
        cls.x, cls.y = x, y.astype(np.int32)
        np.savez(cls.data, x=x, y=cls.y)
        cls.weighted = os.path.join(compare.FOLDER, "weighted.npz")
        np.savez(cls.weighted, x=x, y=cls.y, sample_weight=random.uniform(0, 3, SAMPLES))

    def write(self, name, optimizer, fit, data=None):
        path = os.path.join(compare.FOLDER, name + ".py")
        with open(path, "w") as f:
            f.write(SCRIPT.format(data=data or self.data, batch=BATCH, optimizer=optimizer, fit=fit))
        return path

    def train(self, script, run, *options, data=None):
        """Final weights and the rows of history.csv."""
        lathe_abi.lathe("train", script, "--data", data or self.data, "-o", run, *options)
        weights = safetensors.numpy.load_file(os.path.join(run, "weights.safetensors"))
        with open(os.path.join(run, "history.csv")) as f:
            return weights, list(csv.DictReader(f))

    def compare_run(self, name, optimizer, fit, *options, data=None):
        script = self.write(name, optimizer, fit, data)
        run = os.path.join(compare.FOLDER, name)
        shutil.rmtree(run, ignore_errors=True)
        got, rows = self.train(script, run, *options, data=data)
        keras.utils.clear_session()
        result = runpy.run_path(script, run_name="oracle")
        history = result["history"].history
        self.assertEqual(len(rows), len(history["loss"]), "epochs")
        for column in ("loss", "accuracy", "val_loss", "val_accuracy"):
            for row, want in zip(rows, history.get(column, [])):
                self.assertAlmostEqual(float(row[column]), want, delta=2e-4 * max(1, abs(want)),
                                       msg="%s, epoch %s" % (column, row["epoch"]))
        for layer in result["model"].layers:
            for v in layer.weights:
                tensor = "%s/%s" % (layer.name, v.name)
                self.assert_close(got[tensor], np.array(v), tensor, 2e-4)
        return rows

    def test_schedules(self):
        for name, schedule in SCHEDULES.items():
            with self.subTest(schedule=name):
                self.compare_run("schedule_" + name, "keras.optimizers.SGD(%s)" % schedule, "epochs=3")

    def test_runs(self):
        for name, (optimizer, fit) in RUNS.items():
            with self.subTest(run=name):
                self.compare_run("run_" + name, optimizer, fit)

    def test_sample_weights(self):
        self.compare_run("sample_weights", "keras.optimizers.SGD(0.2)",
                         "epochs=3, validation_split=0.3, sample_weight=data['sample_weight']",
                         data=self.weighted)

    def test_class_weight_option(self):
        """The option wins over the script."""
        optimizer, fit = RUNS["class_weight"]
        weights = []
        for name, given, options in (("from_script", fit, []),
                                     ("from_option", fit.replace("0: 0.2", "0: 9"),
                                      ["--class-weight", "0:0.2,1:3,3:1.5"])):
            run = os.path.join(compare.FOLDER, name)
            shutil.rmtree(run, ignore_errors=True)
            weights.append(self.train(self.write(name, optimizer, given), run, *options)[0])
        self.assertTrue((weights[0]["dense/kernel"] == weights[1]["dense/kernel"]).all())

    def test_options(self):
        """Loss, optimizer and learning rate by option are those of compile, for a script without it too."""
        runs = []
        for name, optimizer, keep, options in (
                ("compiled", "keras.optimizers.Adam(0.05)", True, []),
                ("not_compiled", "None", False, ["--optimizer", "adam", "--learning-rate", "0.05", "--loss",
                                                 "sparse_categorical_crossentropy"]),
                ("other", "'sgd'", True, ["--optimizer", "Adam", "--learning-rate=0.05"])):
            script = self.write(name, optimizer, "epochs=2")
            if not keep:
                with open(script) as f:
                    lines = [line for line in f if not line.startswith("model.compile")]
                with open(script, "w") as f:
                    f.writelines(lines)
            run = os.path.join(compare.FOLDER, name)
            shutil.rmtree(run, ignore_errors=True)
            weights, rows = self.train(script, run, *options)
            runs.append((weights["dense/kernel"].tobytes(), rows[-1]["accuracy"]))
        self.assertEqual(runs[0], runs[1])
        self.assertEqual(runs[0], runs[2])

    def test_onnx(self):
        """Training goes on from the weights of an ONNX file. One batch an epoch: its order does not matter."""
        weight = np.random.default_rng(5).normal(0, 0.3, (6, 4)).astype(np.float32)
        path, run = os.path.join(compare.FOLDER, "linear.onnx"), os.path.join(compare.FOLDER, "linear")
        shapes = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", size])
                  for name, size in (("x", 6), ("p", 4))]
        graph = helper.make_graph(
            [helper.make_node("Gemm", ["x", "w", "b"], ["z"]), helper.make_node("Softmax", ["z"], ["p"])],
            "linear", shapes[:1], shapes[1:],
            [onnx.numpy_helper.from_array(weight, "w"),
             onnx.numpy_helper.from_array(np.zeros(4, np.float32), "b")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        shutil.rmtree(run, ignore_errors=True)
        got, _ = self.train(path, run, "--loss", "sparse_categorical_crossentropy", "--optimizer", "adam",
                            "--learning-rate", 0.05, "--epochs", 4, "--batch", SAMPLES)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, activation="softmax")])
        model.layers[0].set_weights([weight, np.zeros(4, np.float32)])
        model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
        model.fit(self.x, self.y, batch_size=SAMPLES, epochs=4, verbose=0)
        for tensor, value in zip(("w", "b"), model.get_weights()):
            self.assert_close(got[tensor], value, tensor, 1e-4)

    def test_resume(self):
        """A run in three parts gives the bits of one in one part, also where callbacks remember."""
        optimizer, fit = RUNS["plateau"]
        fit = fit.replace("callbacks=[", "callbacks=[callbacks.ModelCheckpoint('best.keras', save_best_only=True), "
                          "callbacks.EarlyStopping(patience=6, restore_best_weights=True), ")
        script = self.write("resume", optimizer, fit)
        runs = [os.path.join(compare.FOLDER, "resume_" + part) for part in ("whole", "parts")]
        for run in runs:
            shutil.rmtree(run, ignore_errors=True)
        _, whole = self.train(script, runs[0])
        self.train(script, runs[1], "--epochs", 3)
        self.train(script, runs[1], "--epochs", 7, "--resume")
        _, parts = self.train(script, runs[1], "--resume")
        self.assertEqual([row["val_loss"] for row in parts], [row["val_loss"] for row in whole])
        for file in ("weights", "best", "stopping"):
            self.assertTrue(filecmp.cmp(*[os.path.join(run, file + ".safetensors") for run in runs],
                                        shallow=False), file)


if __name__ == "__main__":
    unittest.main()
