"""The workers of one network: started with what their system needs, measured in turn."""
import json
import os
import statistics
import subprocess
import sys

import machine
import turns

HERE = os.path.dirname(os.path.abspath(__file__))


def note(text):
    print(text, file=sys.stderr, flush=True)


def environment(system, isa, threads):
    """Of a worker: its backend and threads, and what holds it to AVX2."""
    found = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": "1"}
    if system.startswith("keras-"):
        found["KERAS_BACKEND"] = system.split("-")[1]
    if isa == "avx2":
        found["ONEDNN_MAX_CPU_ISA"] = "AVX2"
        if system != "lathe":
            found["LD_PRELOAD"] = machine.hold_avx2()
    return found


def python_of(system):
    """This environment's Python; for PyTorch the one that has it: it is not installed for a comparison."""
    if not system.startswith("pytorch"):
        return sys.executable
    return os.environ.get("PEERS_TORCH_PYTHON") or os.path.realpath(sys.executable)


def not_installed(system):
    """Why a system cannot be run here, or None."""
    if not system.startswith("pytorch"):
        return None
    run = subprocess.run([python_of(system), "-c", "import numpy, torch"], stderr=subprocess.DEVNULL)
    return "PyTorch is not installed for %s" % python_of(system) if run.returncode else None


def in_turn(script, systems, job, folder, options):
    """Runs `script SYSTEM JOB` for each, in turn: the workers, with their blocks, and the machine's load
    before and after."""
    path = os.path.join(folder, "job.json")
    with open(path, "w") as f:
        json.dump(job, f)
    workers = []
    for system in systems:
        command = [python_of(system), os.path.join(HERE, script), system, path]
        workers.append(turns.Worker(system, command, os.path.join(folder, system + ".log"),
                                    environment(system, options.isa, options.threads)))
        note("  %s: %s" % (system, workers[-1].failure or "ready"))
    loads = [os.getloadavg()[0]]
    turns.take_turns(workers, options.rounds)
    return workers, loads + [os.getloadavg()[0]]


def times_of(worker):
    """What every table has of a worker: a block counts with its median."""
    if worker.failure:
        return {**worker.about, "failure": worker.failure}
    medians = [statistics.median(block) for block in worker.blocks]
    return {**worker.about, "median": statistics.median(medians), "least": min(medians), "most": max(medians),
            "memory": worker.memory.get("most"), "memory_after": worker.memory.get("now"), "blocks": worker.blocks}
