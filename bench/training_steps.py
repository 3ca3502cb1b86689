"""A training step of lathe against Keras's and PyTorch's: the part of bench/peers for --training.

    training_steps.py SYSTEM JOB.json      a worker
"""
import csv
import json
import os
import runpy
import shutil
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
    return version, "fit", timed(run, job["steps"])


def timed(run, steps):
    """A block: milliseconds of a step, after some to warm up."""
    run(min(20, steps))
    run(steps)

    def block():
        start = time.perf_counter()
        run(steps)
        return [(time.perf_counter() - start) / steps * 1e3]

    return block


def lathe_steps(job):
    """lathe train, as its users run it: milliseconds of a step of the last of three epochs, as history.csv has them."""
    output = os.path.join(os.path.dirname(job["data"]), "run")
    words = ["train", job["model"], "--data", job["data"], "--threads", str(job["threads"]), "--epochs", "3", "-o", output,
             *job["lathe_words"]]
    memory = {}

    def block():
        shutil.rmtree(output, ignore_errors=True)
        with subprocess.Popen([os.environ["LATHE"], *words], stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                memory.update(turns.resident(process.pid))
                time.sleep(0.05)
        if process.returncode:
            raise RuntimeError("lathe train failed")
        with open(os.path.join(output, "history.csv")) as f:
            return [float(list(csv.DictReader(f))[-1]["ms_per_step"])]

    block.memory = lambda: memory
    version = subprocess.run([os.environ["LATHE"], "--version"], check=True, capture_output=True, text=True).stdout
    return version.split()[-1], "train, " + " ".join(job["lathe_words"]), block


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

    settings = "channels_last, %s, %d threads" % ("torch.compile" if compiled else "eager", job["threads"])
    return version, settings, timed(run, job["steps"])


def compiled_torch_steps(job):
    return torch_steps(job, True)


STEPS = {"lathe": lathe_steps, "keras-jax": keras_steps, "keras-tensorflow": keras_steps, "pytorch": torch_steps,
         "pytorch-compiled": compiled_torch_steps}


def prepare(system, job):
    turns.hold_to_cores(job["threads"])
    version, settings, block = STEPS[system](job)
    return {"version": version, "settings": settings}, block


# ---- the measurement -----------------------------------------------------------------------------

def lathe_words(training, options):
    words = ["--batch", str(training.batch), "--target", options.isa]
    with open(training.model) as f:
        if "model.compile(" not in f.read():
            words += ["--loss", LOSS, "--optimizer", OPTIMIZER]
    return words


def compile_seconds(training, folder, words):
    """What lathe and the C compiler take."""
    from peers_lathe import lathe_abi

    start = time.perf_counter()
    lathe_abi.build(training.model, os.path.join(folder, "lathe"), "--train", *words)
    return time.perf_counter() - start


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
    words, steps = lathe_words(training, options), options.steps or training.steps
    architecture = describe_for_torch(training, os.path.join(folder, "architecture.json"))
    job = {"model": training.model, "batch": training.batch, "threads": options.threads, "steps": steps,
           "data": os.path.join(folder, "data.npz"), "lathe_words": words, "architecture": architecture}
    x, y = random_data(architecture["shape"], architecture["classes"], training.batch * steps)
    np.savez(job["data"], x_train=x, y_train=y)
    missing = {s: {"failure": reason} for s, reason in ((s, peers_workers.not_installed(s)) for s in systems) if reason}
    workers, loads = peers_workers.in_turn("training_steps.py", [s for s in systems if s not in missing], job, folder,
                                           options)
    return {"network": training.name, "batch": training.batch, "must": training.must, "loads": loads,
            "compile_seconds": compile_seconds(training, folder, words),
            "systems": {**{w.system: peers_workers.times_of(w) for w in workers}, **missing}}


if __name__ == "__main__":
    with open(sys.argv[2]) as f:
        work = json.load(f)
    turns.serve(lambda: prepare(sys.argv[1], work))
