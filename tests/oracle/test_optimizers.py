"""Every optimizer: one step, then 50 more, each restarted from Keras's state (weights, statistics,
slots, batch; dropout with lathe's masks). All of them must agree after each step."""
import os
import unittest

import compare
import lathe_abi
import networks
from keras_side import KerasModel

# Smooth: with pooling, rounding may choose another maximum, and a gradient goes elsewhere.
BODY = """
    layers.Conv2D(6, 3, strides=2, use_bias=False)
    layers.BatchNormalization()
    layers.Activation('tanh')
    layers.Flatten()
    layers.Dropout(0.25)
    layers.Dense(12, activation='tanh')
    layers.Dense(5, activation='softmax')"""

# Where a slot is g / sqrt(g^2 + epsilon) itself, the default epsilon of 1e-7 would magnify the rounding
# of tiny gradients, in any program; there the test has a larger one.
OPTIMIZERS = {
    "sgd": "SGD(0.05)",
    "sgd_momentum": "SGD(learning_rate=0.05, momentum=0.9)",
    "sgd_nesterov": "SGD(0.05, momentum=0.8, nesterov=True)",
    "sgd_weight_decay": "SGD(0.05, momentum=0.5, weight_decay=0.02)",
    "rmsprop": "RMSprop()",
    "rmsprop_momentum": "RMSprop(0.002, rho=0.8, momentum=0.7, epsilon=1e-3)",
    "rmsprop_centered": "RMSprop(0.001, momentum=0.5, centered=True, epsilon=1e-3)",
    "rmsprop_weight_decay": "RMSprop(0.001, weight_decay=0.01)",
    "adam": "Adam()",
    "adam_arguments": "Adam(learning_rate=0.003, beta_1=0.8, beta_2=0.99, epsilon=1e-4)",
    "adam_amsgrad": "Adam(0.002, amsgrad=True)",
    "adam_weight_decay": "Adam(0.002, weight_decay=0.01)",
    "adamw": "AdamW()",
    "adamw_arguments": "AdamW(0.002, weight_decay=0.05, amsgrad=True)",
}
BY_NAME = ("sgd", "rmsprop", "adam", "adamw")
SAMPLES, STEPS, SEED = 8, 50, 12345


class Optimizers(compare.OracleCase):
    def prepare(self, name, optimizer):
        script = os.path.join(compare.FOLDER, "optimizer_%s.py" % name)
        os.makedirs(compare.FOLDER, exist_ok=True)
        with open(script, "w") as f:
            f.write(networks.sequential((8, 8, 3), BODY, "loss='categorical_crossentropy', "
                                        "optimizer=%s, metrics=['accuracy']" % optimizer))
        model = KerasModel(script)
        lathe = compare.trainer(script, "optimizer_" + name, batch=SAMPLES)
        return script, model, lathe

    def step(self, model, lathe, streams, number):
        """One step of both from Keras's state; every tensor is compared."""
        tag = "step %d" % number
        x = compare.inputs(model.model, SAMPLES, tag)
        y, indices = compare.labels(model, SAMPLES, tag)
        compare.copy_state(model, lathe, slots=True)
        lathe.train_step(x, indices, step=number, seed=SEED, first_sample=number * SAMPLES)
        model.train_step(x, y, compare.masks(model, streams, SAMPLES, SEED, number,
                                             number * SAMPLES))
        for tensor, value in model.get(slots=True).items():
            self.assert_close(lathe.get(tensor), value, "%s, %s" % (tag, tensor))

    def run_steps(self, name, optimizer):
        script, model, lathe = self.prepare(name, optimizer)
        self.assertEqual(set(model.variables(slots=True)), set(lathe.index), "tensor names")
        streams = lathe_abi.dropout_streams(script)
        for number in range(1 + STEPS):
            self.step(model, lathe, streams, number)

    def test_objects(self):
        for name, arguments in OPTIMIZERS.items():
            with self.subTest(optimizer=name):
                self.run_steps(name, "keras.optimizers." + arguments)

    def test_names(self):
        """An optimizer given by name has Keras's default arguments."""
        for name in BY_NAME:
            with self.subTest(optimizer=name):
                self.run_steps("name_" + name, repr(name))


if __name__ == "__main__":
    unittest.main()
