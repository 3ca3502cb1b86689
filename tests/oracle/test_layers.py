"""Every layer over a grid of arguments (grid.py): lathe's interpreter against Keras, outputs behind the
inference passes and gradients of the training step. With LATHE_FULL the generated code as well, of which
the quick run takes a few packs."""
import collections
import os
import unittest

import numpy as np
import safetensors.numpy

import compare
import grid
import interpreted
import lathe_abi
from keras_side import KerasModel, jax

SAMPLES = 3
FULL = bool(os.environ.get("LATHE_FULL"))
FLAGS = ("-O1",)
GENERATED = ("depthwise", "merges", "resizing")


class Layers(compare.OracleCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(compare.FOLDER, exist_ok=True)
        cls.lathe = interpreted.Interpreted()

    @classmethod
    def tearDownClass(cls):
        cls.lathe.close()

    def write(self, name, shape, branches, channels):
        path = os.path.join(compare.FOLDER, name + ".py")
        with open(path, "w") as f:
            f.write(grid.pack(shape, branches, channels))
        return path

    def both(self, model, x, y):
        """Keras's outputs in inference, and the gradients of the loss, compiled together."""
        def run(trainable, fixed, x, y):
            outputs, _ = model.model.stateless_call(trainable, fixed, x, training=False)
            gradients = jax.grad(model._mean_loss, has_aux=True)(trainable, fixed, x, y, [])[0]
            return outputs, gradients
        outputs, gradients = jax.jit(run)(
            [v.value for v in model.model.trainable_variables],
            [v.value for v in model.model.non_trainable_variables], x, y)
        return np.array(outputs), dict(zip(model.trainable, map(np.array, gradients)))

    def compare_outputs(self, name, model, branches, got, want, system):
        at = 0
        for i, text in enumerate(branches):
            width = model.model.get_layer("flat%d" % i).output.shape[1]
            with self.subTest(pack=name, layer=text, system=system):
                self.assert_close(got[:, at:at + width], want[:, at:at + width], "outputs")
            at += width

    def compare_gradients(self, name, branches, got, want, system):
        self.assertEqual(sorted(got), sorted(want))
        owner = {"front%d" % i: text for i, text in enumerate(branches)}
        # A bias in front of a normalisation has the gradient 0: what counts is the layer's largest.
        scale = collections.defaultdict(float)
        for tensor, w in want.items():
            layer = tensor.split("/")[0]
            scale[layer] = max(scale[layer], float(np.abs(w).max()))
        for tensor, w in want.items():
            layer = tensor.split("/")[0]
            with self.subTest(pack=name, tensor=tensor, layer=owner.get(layer), system=system):
                self.assert_close(got[tensor].reshape(w.shape), w, "gradient", scale=scale[layer])

    def interpreted(self, prefix, shape):
        self.lathe.run("predict", prefix + ".py", prefix + ".safetensors", prefix + ".in", SAMPLES,
                       prefix + ".out")
        return np.fromfile(prefix + ".out", np.float32).reshape(shape)

    def interpreted_gradients(self, prefix):
        self.lathe.run("gradients", prefix + ".py", prefix + ".safetensors", prefix + ".in",
                       prefix + ".labels", SAMPLES, prefix + ".grad")
        return interpreted.tensors(prefix + ".grad")

    def generated(self, prefix, x):
        options = ("--weights", prefix + ".safetensors", "--batch", SAMPLES, "--exact")
        return lathe_abi.Predictor(lathe_abi.build(prefix + ".py", prefix + ".predict", *options,
                                                   flags=FLAGS)).predict(x)

    def generated_gradients(self, prefix, model, x, y):
        options = ("--train", "--batch", SAMPLES, "--exact")
        lathe = lathe_abi.Trainer(lathe_abi.build(prefix + ".py", prefix + ".train", *options,
                                                  flags=FLAGS))
        compare.copy_state(model, lathe)
        lathe.gradients(x, y, seed=1, step=0)
        return {name: lathe.gradient(name) for name in model.trainable}

    def check(self, name, shape, branches, channels=None):
        prefix = os.path.join(compare.FOLDER, name)
        model = KerasModel(self.write(name, shape, branches, channels))
        model.randomize(compare.seed_of(name))
        safetensors.numpy.save_file(
            {k: v.astype(np.float32) for k, v in model.get().items()}, prefix + ".safetensors")
        random = np.random.default_rng(compare.seed_of(name))
        x = random.normal(size=(SAMPLES,) + shape).astype(np.float32)
        y = random.normal(size=(SAMPLES, model.model.output_shape[-1])).astype(np.float32)
        x.tofile(prefix + ".in")
        y.tofile(prefix + ".labels")
        outputs, gradients = self.both(model, x, y)
        compared = (name, model, branches)
        self.compare_outputs(*compared, self.interpreted(prefix, outputs.shape), outputs, "interpreter")
        trained = name not in grid.FORWARD
        if trained:
            self.compare_gradients(name, branches, self.interpreted_gradients(prefix), gradients,
                                   "interpreter")
        if FULL or name in GENERATED:
            self.compare_outputs(*compared, self.generated(prefix, x), outputs, "generated code")
            if trained:
                self.compare_gradients(name, branches, self.generated_gradients(prefix, model, x, y),
                                       gradients, "generated code")


def add_tests():
    packs = {**grid.PACKS, **grid.FORWARD, **(grid.FULL if FULL else {})}
    for name, pack in packs.items():
        setattr(Layers, "test_" + name, lambda self, name=name, pack=pack: self.check(name, *pack))


add_tests()

if __name__ == "__main__":
    unittest.main()
