"""Regularizers and gradient clipping: loss, gradients, a step's result and the loss of evaluation, against
Keras."""
import os
import unittest

import compare
import lathe_abi
import networks
from keras_side import KerasModel

SAMPLES, STEPS = 6, 4

BODY = """
    layers.BatchNormalization(gamma_regularizer='l2', beta_regularizer=regularizers.L1L2(0.02, 0.03))
    layers.Conv2D(6, 3, kernel_regularizer=regularizers.L2(1e-2), bias_regularizer='l1', activation='tanh')
    layers.Flatten()
    layers.Dense(600, kernel_regularizer=keras.regularizers.l1(1e-3), activation='tanh')
    layers.Dense(5, activation='softmax', kernel_regularizer=regularizers.l1_l2(l1=1e-3, l2=2e-2))"""
PLAIN = """
    layers.Conv2D(6, 3, activation='tanh')
    layers.Flatten()
    layers.Dense(600, activation='tanh')
    layers.Dense(5, activation='softmax')"""

# name: layers, optimizer
CASES = {
    "regularizers": (BODY, "SGD(0.1, momentum=0.9)"),
    "clipnorm": (PLAIN, "SGD(0.1, clipnorm=0.05)"),
    "clipnorm_some": (PLAIN, "SGD(0.1, clipnorm=0.3)"),
    "clipvalue": (PLAIN, "SGD(0.1, momentum=0.5, clipvalue=0.01)"),
    "global_clipnorm": (PLAIN, "Adam(0.01, global_clipnorm=0.2, epsilon=1e-3)"),
    "global_clipnorm_idle": (PLAIN, "SGD(0.1, global_clipnorm=1e4)"),
    "all": (BODY, "SGD(0.1, global_clipnorm=0.5, weight_decay=0.01)"),
}


def write(name, body, optimizer):
    os.makedirs(compare.FOLDER, exist_ok=True)
    path = os.path.join(compare.FOLDER, name + ".py")
    with open(path, "w") as f:
        f.write("from keras import regularizers\n" + networks.sequential(
            (8, 8, 3), body, "loss='categorical_crossentropy', metrics=['accuracy'], "
            "optimizer=keras.optimizers." + optimizer))
    return path


class Regularizers(compare.OracleCase):
    def run_case(self, name, target):
        script = write(name, *CASES[name])
        model = KerasModel(script)
        model.randomize(compare.seed_of(name))
        lathe = compare.trainer(script, "regularizers_" + name, target, batch=SAMPLES)
        for number in range(STEPS):
            tag = "%s, step %d" % (name, number)
            x = compare.inputs(model.model, SAMPLES, tag)
            y, indices = compare.labels(model, SAMPLES, tag)
            compare.copy_state(model, lathe, slots=True)
            self.compare_evaluation(model, lathe, x, y, indices, tag)
            _, gradients, _ = model.gradients(x, y)
            lathe.gradients(x, indices, step=number)
            for weight, gradient in gradients.items():
                self.assert_close(lathe.gradient(weight), gradient, "%s: gradient of %s" % (tag, weight))
            compare.copy_state(model, lathe, slots=True)
            loss, _ = lathe.train_step(x, indices, step=number)
            want = model.train_step(x, y)
            self.assertAlmostEqual(loss, want, delta=1e-5 * abs(want), msg=tag)
            for tensor, value in model.get(slots=True).items():
                self.assert_close(lathe.get(tensor), value, "%s: %s" % (tag, tensor))

    def compare_evaluation(self, model, lathe, x, y, indices, tag):
        loss, _ = lathe.evaluate(x, indices)
        want = model.model.test_on_batch(x, y)[0]
        self.assertAlmostEqual(loss, want, delta=1e-5 * abs(want), msg=tag + ": evaluate")

    def test_against_keras(self):
        for name in CASES:
            with self.subTest(case=name):
                self.run_case(name, "host")

    def test_every_target(self):
        for target in lathe_abi.host_targets():
            with self.subTest(target=target):
                self.run_case("all", target)


if __name__ == "__main__":
    unittest.main()
