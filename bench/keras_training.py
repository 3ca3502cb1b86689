"""A training step of lathe against Keras's, on this machine, in turn: blocks of steps of each system
alternate, so that all meet the same load. Run by bench/training, which makes the environments.

Each system lives in a process of its own that waits for its turn.
"""
import argparse
import ctypes
import os
import platform
import runpy
import statistics
import subprocess
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BATCH = 32


# ---- workers: prepare, warm up, then a block of steps for each line on standard input ------------


def random_data(shape, classes, steps):
    """Pixels and labels at random: the speed does not depend on them."""
    random = np.random.default_rng(0)
    samples = BATCH * steps
    return (random.random((samples,) + tuple(shape), dtype=np.float32),
            random.integers(0, classes, samples).astype(np.int32))


def keras_worker(script, steps):
    import keras

    model = runpy.run_path(script, run_name="keras_training")["model"]
    x, y = random_data(model.input_shape[1:], model.output_shape[-1], steps)
    y = keras.utils.to_categorical(y, model.output_shape[-1])

    def block(count):
        model.fit(x[:count * BATCH], y[:count * BATCH], batch_size=BATCH, epochs=1, verbose=0)

    system = sys.modules[{"jax": "jax", "tensorflow": "tensorflow"}[keras.backend.backend()]]
    return block, "Keras %s on %s %s" % (keras.__version__, keras.backend.backend(),
                                        system.__version__)


def thread_pool(folder):
    """The runtime's threads, which `lathe train` uses: fields of a step."""
    library = os.path.join(folder, "pool.so")
    sources = [os.path.join(ROOT, "runtime", name) for name in ("pool.c", "error.c")]
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-fPIC", "-shared", "-pthread", "-o", library,
                    *sources], check=True)
    pool = ctypes.CDLL(library)
    pool.lathe_pool_open.restype = ctypes.c_void_p
    context = pool.lathe_pool_open(0, ctypes.create_string_buffer(4096))
    return {"parallel_for": ctypes.cast(pool.lathe_pool_run, ctypes.c_void_p).value,
            "parallel_context": context}


def lathe_worker(script, steps):
    sys.path.insert(0, os.path.join(ROOT, "tests", "oracle"))
    import lathe_abi

    folder = os.path.join(ROOT, "build", "bench", os.path.basename(script)[:-3])
    trainer = lathe_abi.Trainer(lathe_abi.build(script, folder, "--train", "--batch", BATCH,
                                                "--target", "host"))
    threads = thread_pool(folder)
    table = trainer.table
    x, y = random_data(table.input[0].dim[:table.input[0].rank], table.output[0].count, steps)
    random = np.random.default_rng(1)

    def block(count):
        order = random.permutation(count * BATCH)
        for step in range(count):
            chosen = order[step * BATCH:(step + 1) * BATCH]
            trainer.train_step(x[chosen], y[chosen], step=step, **threads)

    return block, lathe_abi.lathe("--version").strip()


def work(system, script, steps):
    block, name = (lathe_worker if system == "lathe" else keras_worker)(script, steps)
    block(min(20, steps))
    block(steps)
    print("ready " + name, flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        block(steps)
        print("took %.6f" % ((time.perf_counter() - started) / steps * 1e3), flush=True)


# ---- the measurement ---------------------------------------------------------------------------


class Worker:
    def __init__(self, python, system, script, steps):
        environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
        if system != "lathe":
            environment["KERAS_BACKEND"] = system
        self.process = subprocess.Popen(
            [python, os.path.abspath(__file__), "--worker", system, "--steps", str(steps), script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment)
        self.times = []
        self.name = self.answer("ready")

    def answer(self, word):
        for line in self.process.stdout:
            if line.startswith(word + " "):
                return line[len(word) + 1:].strip()
        sys.exit("keras_training: a worker ended:\n" + self.process.stderr.read()[-2000:])

    def run_block(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.times.append(float(self.answer("took")))

    def stop(self):
        self.process.communicate()


def pythons():
    """Python and backend of each Keras there is."""
    found = {"jax": os.path.join(ROOT, "build", "venv", "bin", "python"),
             "tensorflow": os.path.join(ROOT, "build", "venv-tensorflow", "bin", "python")}
    return {backend: python for backend, python in found.items() if os.path.exists(python)}


def measure(script, rounds, steps):
    workers = [Worker(sys.executable, "lathe", script, steps)]
    workers += [Worker(python, backend, script, steps) for backend, python in pythons().items()]
    for _ in range(rounds):
        for worker in workers:
            worker.run_block()
    for worker in workers:
        worker.stop()
    lathe = statistics.median(workers[0].times)
    print("\n%s, batch %d, blocks of %d steps, %d blocks each" % (
        os.path.relpath(script, ROOT), BATCH, steps, rounds))
    print("  %-36s %10s %10s %10s %8s" % ("", "ms/step", "least", "most", "ratio"))
    for worker in workers:
        median = statistics.median(worker.times)
        print("  %-36s %10.3f %10.3f %10.3f %8s" % (
            worker.name, median, min(worker.times), max(worker.times), "%.1f x" % (median / lathe)))


def compile_times(script):
    """Seconds that lathe and the C compiler take for the training step and for inference."""
    folder = os.path.join(ROOT, "build", "bench", "compile")
    os.makedirs(folder, exist_ok=True)
    print("\ncompiling %s" % os.path.relpath(script, ROOT))
    for what, options in (("training", ["--train", "--batch", str(BATCH)]), ("inference", [])):
        source = os.path.join(folder, os.path.basename(script)[:-3] + ".c")
        started = time.perf_counter()
        subprocess.run([os.environ["LATHE"], "compile", script, "-o", folder, *options], check=True,
                       stdout=subprocess.DEVNULL)
        generated = time.perf_counter()
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-c", "-o",
                        source[:-2] + ".o", source], check=True)
        compiled = time.perf_counter()
        print("  %-12s lathe %.2f s + C compiler %.2f s = %.2f s" % (
            what, generated - started, compiled - generated, compiled - started))


def environment():
    with open("/proc/cpuinfo") as f:
        cpu = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")),
                   platform.machine())
    compiler = subprocess.run([os.environ.get("CC", "cc"), "--version"], capture_output=True,
                              text=True, check=True).stdout.splitlines()[0]
    print("%s, %d cores, %s, load %.2f" % (cpu, os.cpu_count(), compiler, os.getloadavg()[0]))


def main():
    parser = argparse.ArgumentParser(description="lathe's training step against Keras's")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each system")
    parser.add_argument("--steps", type=int, default=100, help="training steps in a block")
    parser.add_argument("scripts", nargs="*")
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, arguments.scripts[0], arguments.steps)
        return
    scripts = arguments.scripts or [os.path.join(ROOT, "examples", "cifar10", name)
                                    for name in ("model1.py", "model2.py")]
    environment()
    for script in scripts:
        measure(script, arguments.rounds, arguments.steps)
    compile_times(scripts[-1])


if __name__ == "__main__":
    main()
