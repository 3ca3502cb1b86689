"""A training step of lathe against Keras's and PyTorch's: the part of bench/peers for --training.

    training_steps.py SYSTEM JOB.json      a worker
"""
import ctypes
import json
import os
import runpy
import subprocess
import sys
import time

import numpy as np

import peers_workers
import turns
from peers_nets import ROOT

TITLES = {"lathe": "lathe", "keras-jax": "Keras, JAX", "keras-tensorflow": "Keras, TensorFlow",
          "pytorch": "PyTorch", "pytorch-compiled": "PyTorch, compiled"}
SYSTEMS = list(TITLES)
# What a script that says nothing is trained with.
LOSS, OPTIMIZER = "sparse_categorical_crossentropy", "sgd"


# ---- workers -------------------------------------------------------------------------------------

def random_data(shape, classes, samples):
    """Pixels and labels at random: the speed does not depend on them."""
    random = np.random.default_rng(0)
    return (random.random((samples,) + tuple(shape), dtype=np.float32),
            random.integers(0, classes, samples).astype(np.int32))


def keras_steps(job):
    """Keras's fit, as its users run it, with its default settings."""
    import keras

    import keras_fit

    backend = keras.backend.backend()
    model = runpy.run_path(job["model"], run_name="training_steps")["model"]
    if not model.compiled:
        model.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"])
    batch = job["batch"]
    x, y = random_data(model.input_shape[1:], model.output_shape[-1], batch * job["steps"])
    y = keras_fit.labels_for(model, y)

    def run(count):
        model.fit(x[:count * batch], y[:count * batch], batch_size=batch, epochs=1, verbose=0)

    version = "%s on %s %s" % (keras.__version__, backend, sys.modules[backend].__version__)
    return version, "fit", run


def lathe_steps(job):
    """The entry point that `lathe compile --train` writes, the gathering of the batch included."""
    import peers_lathe
    from peers_lathe import lathe_abi

    batch = job["batch"]
    trainer = lathe_abi.Trainer(job["library"])
    threads = peers_lathe.thread_pool(os.path.dirname(job["library"]), job["threads"]) if job["threads"] > 1 else {}
    table = trainer.table
    x, y = random_data(table.input[0].dim[:table.input[0].rank], table.output[0].count, batch * job["steps"])
    random = np.random.default_rng(1)
    # As in lathe train, batches are gathered into the same memory, and a step is one call.
    images, labels = x[:batch].copy(), y[:batch].copy()
    step = lathe_abi.Step(n=batch, target=-1, learning_rate=table.learning_rate, **threads)
    metrics = (lathe_abi.Metrics * (1 + table.losses))()
    arguments = (trainer.state.ctypes.data, trainer.workspace.ctypes.data, ctypes.byref(step),
                 lathe_abi.pointers([images]), lathe_abi.pointers([labels]), metrics)

    def run(count):
        order = random.permutation(count * batch)
        for i in range(count):
            part = order[i * batch:(i + 1) * batch]
            np.take(x, part, 0, images, "clip")
            np.take(y, part, 0, labels, "clip")
            step.step = i
            table.train_step(*arguments)

    run.kept = trainer
    return lathe_abi.lathe("--version").split()[-1], job["lathe_settings"], run


def torch_steps(job, compiled=False):
    """A loop over shuffled batches, eager or through torch.compile."""
    import torch

    import peers_torch

    batch, architecture = job["batch"], job["architecture"]
    x, y = random_data(architecture["shape"], architecture["classes"], batch * job["steps"])
    version, step = peers_torch.training_step(job, x, y, compiled)

    def run(count):
        for chosen in torch.randperm(count * batch).split(batch):
            step(chosen)

    return version, "channels_last, %s, %d threads" % ("torch.compile" if compiled else "eager", job["threads"]), run


def compiled_torch_steps(job):
    return torch_steps(job, True)


STEPS = {"lathe": lathe_steps, "keras-jax": keras_steps, "keras-tensorflow": keras_steps, "pytorch": torch_steps,
         "pytorch-compiled": compiled_torch_steps}


def prepare(system, job):
    turns.hold_to_cores(job["threads"])
    version, settings, run = STEPS[system](job)
    run(min(20, job["steps"]))
    run(job["steps"])

    def block():
        """Milliseconds of a step, over the whole block."""
        start = time.perf_counter()
        run(job["steps"])
        return [(time.perf_counter() - start) / job["steps"] * 1e3]

    return {"version": version, "settings": settings}, block


# ---- the measurement -----------------------------------------------------------------------------

def compile_lathe(training, folder, options):
    """The library of generated code, how it was made, and the seconds that lathe and the C compiler took."""
    from peers_lathe import lathe_abi

    words = ["--train", "--batch", str(training.batch), "--target", options.isa]
    with open(training.model) as f:
        if "model.compile(" not in f.read():
            words += ["--loss", LOSS, "--optimizer", OPTIMIZER]
    start = time.perf_counter()
    library = lathe_abi.build(training.model, os.path.join(folder, "lathe"), *words)
    return library, "compile %s; pool of %d" % (" ".join(words), options.threads), time.perf_counter() - start


def describe_for_torch(training, path):
    """The architecture and the optimizer as Keras has them, which PyTorch's environment may lack."""
    code = """if True:
        import json, keras, runpy, sys
        model = runpy.run_path(sys.argv[1], run_name="training_steps")["model"]
        if not model.compiled:
            model.compile(optimizer=sys.argv[3])
        json.dump({"model": json.loads(model.to_json()), "optimizer": keras.optimizers.serialize(model.optimizer),
                   "shape": model.input_shape[1:], "classes": model.output_shape[-1]}, open(sys.argv[2], "w"))"""
    subprocess.run([sys.executable, "-c", code, training.model, path, OPTIMIZER], check=True, stderr=subprocess.DEVNULL,
                   env=dict(os.environ, KERAS_BACKEND="jax"))
    with open(path) as f:
        return json.load(f)


def measure(training, systems, options):
    """All of one network."""
    folder = os.path.join(options.out, "training", training.name)
    os.makedirs(folder, exist_ok=True)
    library, settings, seconds = compile_lathe(training, folder, options)
    job = {"model": training.model, "batch": training.batch, "threads": options.threads, "steps": options.steps or training.steps,
           "library": library, "lathe_settings": settings,
           "architecture": describe_for_torch(training, os.path.join(folder, "architecture.json"))}
    missing = {s: {"failure": reason} for s, reason in ((s, peers_workers.not_installed(s)) for s in systems) if reason}
    workers, loads = peers_workers.in_turn("training_steps.py", [s for s in systems if s not in missing], job, folder,
                                           options)
    return {"network": training.name, "batch": training.batch, "must": training.must, "loads": loads,
            "compile_seconds": seconds, "systems": {**{w.system: peers_workers.times_of(w) for w in workers}, **missing}}


if __name__ == "__main__":
    with open(sys.argv[2]) as f:
        work = json.load(f)
    turns.serve(lambda: prepare(sys.argv[1], work))
