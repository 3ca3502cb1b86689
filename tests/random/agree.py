"""One network in Keras, in lathe's interpreter and as generated C: outputs, losses, gradients, and ten training
steps, each restarted from Keras's state.

Keras computes in double precision, on numbers that float32 has. Every tensor of lathe must be within the
design's tolerance of it: 1e-5 of its largest value, 1e-3 where the code has Winograd kernels. Some tensors can't
be computed so well in float32 by anybody: the gradient of a bias in front of a normalisation is all rounding.
Where a difference is too large, Keras computes the step in float32 as well, from weights and inputs moved by four
rounding errors, and may be wrong too: lathe may then be off by four times as much as Keras in any of 32
tries (3 was seen).
- Four rounding errors, because sums in another order differ by some, not by one; a value so near to the kink of a
  ReLU or a maximum comes out on the other side in some of the tries, and its gradient jumps.
- A tensor of which Keras has not one digit right is all rounding, and lathe's rounding errors are accidents as well,
  of sums that are taken one by one where Keras's are taken in parts: only their size is compared, by a factor of 8
  (4.3 was seen)."""
import os
import shutil

import numpy as np
import safetensors.numpy

import compare
import interpreted
import lathe_abi
from compare import TOLERANCE, distance
from keras_precise import precision
from keras_side import KerasModel, jax, keras

STEPS = 10
SEED = 2 ** 33 + 5  # of dropout
WINOGRAD = 1e-3
AS_KERAS = 4  # times Keras's own error in float32
ALL_ROUNDING, AS_SMALL = 0.1, 8  # times an error above this
SQUARES = ("/v", "/vhat", "/velocity")  # slots of squared gradients: an error counts twice
TRIES = 32
ROUNDINGS = 4  # so far is each number moved
FLAGS = tuple(os.environ.get("RANDOM_FLAGS", "-O0").split())


class Disagreement(Exception):
    """`stage` says what was compared: reduced networks must fail in the same."""

    def __init__(self, stage, text):
        super().__init__("%s: %s" % (stage, text))
        self.stage = stage


class NotFinite(Exception):
    """Keras's own numbers are not finite: there is nothing to compare with."""


def _of_numpy(fill):
    """An initializer's call that compiles nothing, as JAX does for each shape."""
    return lambda initializer, shape, dtype=None: fill(initializer, tuple(shape)).astype(dtype)


def _uniform(initializer, shape):
    """Of the size that keeps that of a layer's input; always the same numbers."""
    fan = np.prod(shape[:-1], dtype=int)
    return np.random.default_rng(shape).uniform(-1, 1, shape) * np.sqrt(6 / (fan + shape[-1]))


for _class, _fill in ((keras.initializers.VarianceScaling, _uniform),
                      (keras.initializers.Zeros, lambda _, shape: np.zeros(shape)),
                      (keras.initializers.Ones, lambda _, shape: np.ones(shape)),
                      (keras.initializers.Constant, lambda i, shape: np.full(shape, i.value))):
    _class.__call__ = _of_numpy(_fill)


class Reference(KerasModel):
    """The script under Keras, with all that is compared in one compiled function."""

    def __init__(self, script, dtype="float64"):
        self.dtype = np.dtype(dtype)
        with precision(dtype):
            super().__init__(script)
            self.slots = self._slots()
        self.optimizer = self.model.optimizer.variables
        self._all = jax.jit(self._compute)

    def _compute(self, trainable, fixed, optimizer, x, y, sample_weight, masks):
        outputs, _ = self.model.stateless_call(trainable, fixed, self.structured(x), training=False)
        (loss, (each, new_fixed)), gradients = jax.value_and_grad(self._mean_loss, has_aux=True)(
            trainable, fixed, x, y, masks, sample_weight)
        moved, slots = self.model.optimizer.stateless_apply(optimizer, gradients, trainable)
        return keras.tree.flatten(outputs), loss, each, gradients, new_fixed, moved, slots

    def step(self, state, data, number):
        """Everything about one step from this state, by name."""
        def cast(array):
            return array.astype(self.dtype) if array.dtype.kind == "f" else array
        by_id = {id(v): name for name, v in self.slots.items()}
        trainable = [cast(state[name]) for name in self.trainable]
        fixed = [cast(state[self.names[id(v)]]) if id(v) in self.names else v.value
                 for v in self.model.non_trainable_variables]
        optimizer = [cast(state[by_id[id(v)]]) if id(v) in by_id else
                     np.asarray(number, np.array(v).dtype) if v is self.model.optimizer._iterations else v.value
                     for v in self.optimizer]
        x, y = [cast(a) for a in data.x], [cast(a) for a in data.y]
        weight = None if data.weight is None else cast(data.weight)
        with precision(self.dtype.name):
            outputs, loss, each, gradients, new_fixed, moved, slots = self._all(
                trainable, fixed, optimizer, x, y, weight, [cast(m) for m in data.masks(self, number)])
        found = {"output %d" % i: a for i, a in enumerate(outputs)}
        found.update({"loss": loss}, **{"loss %d" % i: a for i, a in enumerate(each)})
        found.update({"gradient " + n: a for n, a in zip(self.trainable, gradients)})
        found.update({"new " + n: a for n, a in zip(self.trainable, moved)})
        found.update({"new " + self.names[id(v)]: a for v, a in zip(self.model.non_trainable_variables, new_fixed)
                      if id(v) in self.names})
        found.update({"new " + by_id[id(v)]: a for v, a in zip(self.optimizer, slots) if id(v) in by_id})
        return {name: np.array(a, np.float64) for name, a in found.items()}


class Data:
    """Inputs, labels and weights of the samples of one step. Of the network only seed, batch, short and weighted
    count, here and below, and its script and kernels."""

    def __init__(self, net, model, number):
        self.n = net.batch - net.short
        random = np.random.default_rng([net.seed, number])
        self.x = [random.normal(size=(self.n,) + tuple(t.shape[1:])).astype(np.float32)
                  for t in model.model.inputs]
        self.y = []  # as Keras has them
        self.indices = []  # as lathe has them
        for i, loss, _ in model.losses():
            self.labels(random, loss if isinstance(loss, str) else loss.name,
                        tuple(model.model.outputs[i].shape[1:]))
        self.weight = random.uniform(0.2, 2, self.n).astype(np.float32) if net.weighted else None
        self.streams = None

    def labels(self, random, loss, shape):
        if "categorical" in loss:
            index = random.integers(0, shape[-1], self.n).astype(np.int32)
            self.indices.append(index)
            self.y.append(index if loss.startswith("sparse") else np.eye(shape[-1], dtype=np.float32)[index])
            return
        shape = (self.n,) + shape
        y = random.integers(0, 2, shape) if loss.startswith("binary") else random.normal(size=shape)
        self.y.append(y.astype(np.float32))
        self.indices.append(self.y[-1])

    def moved(self, random):
        """The same, each number changed by a few rounding errors."""
        other = Data.__new__(Data)
        other.__dict__.update(self.__dict__, x=[move(random, a) for a in self.x])
        return other

    def masks(self, model, number):
        return compare.masks(model, self.streams, self.n, SEED, number, number * self.n) if model.dropouts else []


def move(random, array):
    return (array * (1 + random.uniform(-ROUNDINGS, ROUNDINGS, array.shape) * 2.0 ** -23)).astype(array.dtype)


class Comparison:
    """One network; `run` raises a Disagreement."""

    def __init__(self, net, folder, interpreter):
        self.net, self.folder, self.interpreter = net, folder, interpreter
        os.makedirs(folder, exist_ok=True)
        self.script = self.path("net.py")
        with open(self.script, "w") as f:
            f.write(net.script())
        self.single = None
        self.compared = self.by_keras = 0  # tensors, and those judged by Keras's own error

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self):
        self.model = Reference(self.script)
        self.model.randomize(self.net.seed)
        weights = {n: a.astype(np.float32) for n, a in self.model.get(slots=True).items()}
        safetensors.numpy.save_file({n: a for n, a in weights.items() if n not in self.model.slots},
                                    self.path("weights.safetensors"))
        self.build()
        self.state = weights
        for number in range(STEPS):
            self.step(number)

    def build(self):
        common = ("--kernels", "random:%d" % self.net.kernels, "--batch", self.net.batch)
        try:
            predict = lathe_abi.build(self.script, self.path("p"), "--weights", self.path("weights.safetensors"),
                                      *common, flags=FLAGS)
            train = lathe_abi.build(self.script, self.path("t"), "--train", *common, flags=FLAGS)
        except RuntimeError as e:
            raise Disagreement("compile", e) from e
        self.predictor, self.trainer = lathe_abi.Predictor(predict), lathe_abi.Trainer(train)
        self.tolerance = {system: WINOGRAD if "winograd" in open(library[:-3] + ".c").read() else TOLERANCE
                          for system, library in (("p", predict), ("t", train))}
        self.streams = lathe_abi.dropout_streams(self.script) if self.model.dropouts else {}
        if set(self.trainer.index) != set(self.state_names()):
            raise Disagreement("names", sorted(set(self.trainer.index) ^ set(self.state_names())))

    def state_names(self):
        return self.model.variables(slots=True)

    # -- one step -----------------------------------------------------------------------------

    def step(self, number):
        self.number, self.data = number, Data(self.net, self.model, number)
        self.data.streams = self.streams
        self.want = self.model.step(self.state, self.data, number)
        self.noise, self.tries = dict.fromkeys(self.want, 0.0), 0
        if not all(np.isfinite(a).all() for a in self.want.values()):
            raise NotFinite(", ".join(n for n, a in self.want.items() if not np.isfinite(a).all()))
        if number == 0:
            self.outputs()
        self.generated()
        self.interpreted()
        self.state = {n: self.want["new " + n].astype(np.float32) for n in self.state}

    def outputs(self):
        got = self.predictor.predict(self.data.x)
        for i, a in enumerate(got):
            self.check("generated output", "output %d" % i, a, self.tolerance["p"])
        for i, a in enumerate(self.run_interpreter_forward()):
            self.check("interpreted output", "output %d" % i, a)

    def run_interpreter_forward(self):
        self.write("x", self.data.x)
        self.command("predict", self.path("weights.safetensors"), self.path("x"), self.data.n, self.path("out"))
        flat, at, found = np.fromfile(self.path("out"), np.float32), 0, []
        for i in range(len(self.model.model.outputs)):
            shape = self.want["output %d" % i].shape
            found.append(flat[at:at + int(np.prod(shape))].reshape(shape))
            at += found[-1].size
        return found

    def generated(self):
        t, data, n = self.trainer, self.data, self.number
        scalars = dict(seed=SEED, step=n, first_sample=n * data.n)
        if data.weight is not None:
            scalars["sample_weight"] = data.weight.ctypes.data
        tolerance = self.tolerance["t"]
        compare.set_state(t, self.state)
        losses = t.gradients(data.x, data.indices, **scalars)
        for i, (loss, _) in enumerate(losses[1:] if len(losses) > 2 else losses[:1]):
            self.check("generated loss", "loss %d" % i if len(losses) > 2 else "loss", np.array(loss), tolerance)
        every = self.model.model.optimizer.gradient_accumulation_steps or 1
        for name in self.model.trainable:
            got = t.gradient(name)
            if (n + 1) % every == 0 and every > 1:  # the mean, accumulated
                got = got * every - self.state[name + "/accumulator"]
            self.check("generated gradient", "gradient " + name, got, tolerance)
        compare.set_state(t, self.state)
        t.train_step(data.x, data.indices, **scalars)
        for name in self.state:
            self.check("generated step", "new " + name, t.get(name), tolerance)

    def interpreted(self):
        if self.data.weight is not None:
            return
        data, n = self.data, self.number
        safetensors.numpy.save_file(self.state, self.path("state.safetensors"))
        self.write("x", data.x)
        self.write("y", data.indices)
        self.command("step", self.path("state.safetensors"), self.path("x"), self.path("y"), data.n, SEED, n,
                     n * data.n, self.trainer.table.learning_rate, self.path("out"))
        for name, a in interpreted.tensors(self.path("out")).items():
            if name.startswith("new "):
                self.check("interpreted step", name, a)
            elif not name.startswith("loss "):
                self.check("interpreted gradient", "gradient " + name, a)

    def write(self, name, arrays):
        with open(self.path(name), "wb") as f:
            for a in arrays:
                f.write(np.ascontiguousarray(a).tobytes())

    def command(self, name, *words):
        try:
            self.interpreter.run(name, self.script, *words)
        except AssertionError as e:
            raise Disagreement("interpreter", e) from e

    # -- differences --------------------------------------------------------------------------

    def check(self, stage, name, got, tolerance=TOLERANCE):
        want = self.want[name]
        got = np.asarray(got).reshape(want.shape)
        self.compared += 1
        d = distance(got, want)
        if d <= tolerance:
            return
        self.by_keras += 1
        while not d <= self.allowed(name) * tolerance / TOLERANCE and self.tries < TRIES:
            self.try_keras()
        if not d <= self.allowed(name) * tolerance / TOLERANCE:
            raise Disagreement(stage, "%s at step %d differs by %.3g of its largest value (Keras itself by %.3g)" % (
                name, self.number, d, self.noise[name]))

    def allowed(self, name):
        """The distance that Keras's own error excuses."""
        noise = self.noise[name]
        factor = AS_SMALL if noise > ALL_ROUNDING else AS_KERAS
        squares = name.endswith(SQUARES) and not isinstance(self.model.model.optimizer, keras.optimizers.SGD)
        return noise * (factor ** 2 if squares else factor)

    def try_keras(self):
        """The same distances of Keras in float32; the largest of all tries."""
        if self.single is None:
            self.single = Reference(self.script, "float32")
        random = np.random.default_rng([self.net.seed, self.number, self.tries])
        state = {n: move(random, a) for n, a in self.state.items()}
        for name, a in self.single.step(state, self.data.moved(random), self.number).items():
            self.noise[name] = max(self.noise[name], distance(a, self.want[name]))
        self.tries += 1


def check(net, folder, interpreter):
    """Compares the network in a folder of its own, which is removed where all agrees."""
    comparison = Comparison(net, folder, interpreter)
    comparison.run()
    shutil.rmtree(folder)
    return comparison
