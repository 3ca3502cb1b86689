"""lathe against other inference engines, in turn on one machine; run by bench/peers, which makes the
environment. What is measured and how: bench/README.md."""
import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np

import machine
import peers_nets
import peers_report
import peers_systems
import peers_workers
import training_steps
from peers_nets import ROOT
from peers_workers import note

sys.path.insert(0, os.path.join(ROOT, "tests", "oracle"))
import lathe_abi

HERE = os.path.dirname(os.path.abspath(__file__))
AGREE = 1e-3  # of the largest output: what systems may differ by
QUICK = {"rounds": 1, "block": 0.05, "steps": 2}


# ---- one network -------------------------------------------------------------------------------

def prepare(network, options):
    """The folder with its files; they are made again when the model or what makes them changes."""
    key = hashlib.sha256(("%s %s" % (network, options.batch)).encode())
    sources = [os.path.join(HERE, f) for f in ("peers_prepare.py", "peers_graph.py", "peers_tf.py", "peers_keras.py")]
    sources += [os.path.join(ROOT, "tests", "oracle", "zoo.py"), os.environ["LATHE"]]
    for path in sources + [network.model] * os.path.isfile(network.model):
        with open(path, "rb") as f:
            key.update(f.read())
    folder = os.path.join(options.out, "nets", "%s-%d" % (network.name, options.batch))
    made = os.path.join(folder, "made-%s" % key.hexdigest()[:12])
    if not os.path.exists(made):
        shutil.rmtree(folder, ignore_errors=True)  # VGG16 takes 5 GB
        os.makedirs(folder)
        with open(os.path.join(folder, "log"), "w") as log:
            run = subprocess.run([sys.executable, os.path.join(HERE, "peers_prepare.py"), network.name, folder,
                                  str(options.batch)], stdout=log, stderr=log,
                                 env=dict(os.environ, KERAS_BACKEND="jax"))
        if run.returncode:
            with open(log.name) as f:
                raise RuntimeError("preparing %s failed: %s" % (network.name, f.read().strip().split("\n")[-1]))
        open(made, "w").close()
    return folder


def compile_lathe(network, folder, options):
    """The library of generated code, and how it was made."""
    words = ["--target", options.isa if options.isa != "host" else "host", "--batch", str(options.batch),
             *network.options]
    words += ["--exact"] * options.exact
    if not network.trained:
        words += ["--weights", os.path.join(folder, "weights.safetensors")]
    library = lathe_abi.build(network.model, os.path.join(folder, "lathe"), *words)
    shown = [w for w in words if not os.path.isabs(w) and w != "--weights"]
    return library, "compile %s; cc -O2; pool of %d" % (" ".join(shown), options.threads)


def measure(network, systems, options):
    """All of one network: what the report shows, and the raw samples."""
    folder = prepare(network, options)
    with open(os.path.join(folder, "missing.json")) as f:
        missing = json.load(f)
    library, settings = compile_lathe(network, folder, options)
    job = {"network": network.name, "folder": folder, "x": os.path.join(folder, "x.npy"),
           "channels_last": network.channels_last, "threads": options.threads, "block": options.block,
           "library": library, "lathe_version": lathe_abi.lathe("--version").strip().split()[-1],
           "lathe_settings": settings, "output": os.path.join(folder, "%s.npy"),
           "weights": None if network.trained else os.path.join(folder, "weights.safetensors")}
    for system in missing.keys() & set(systems):
        note("  %s: %s" % (system, missing[system]))
    workers, loads = peers_workers.in_turn("peers_systems.py", [s for s in systems if s not in missing], job, folder,
                                           options)
    row = {"network": network.name, "batch": options.batch, "must": must(network, options), "loads": loads,
           "multiply_adds": lathe_abi.multiply_adds(network.model, *network.options), "systems": {}}
    want = np.load(os.path.join(folder, "y.npy"))
    for worker in workers:
        row["systems"][worker.system] = describe(worker, folder, want)
    for system, reason in missing.items():
        if system in systems:
            row["systems"][system] = {"failure": reason}
    return row


def describe(worker, folder, want):
    result = peers_workers.times_of(worker)
    if worker.failure:
        return result
    got = np.load(os.path.join(folder, worker.system + ".npy")).reshape(want.shape).astype(np.float64)
    error = float(np.abs(got - want).max() / np.abs(want).max()) if np.isfinite(got).all() else float("inf")
    top = bool((got.argmax(1) == want.argmax(1)).all())
    return {**result, "error": error, "agrees": error <= AGREE and top}


def must(network, options):
    """What lathe's time over the best other system's may be at most."""
    if options.exact:
        return peers_nets.EXACT_MUST.get(network.name)
    return peers_nets.BATCH_MUST if options.batch > 1 and network.must else network.must


# ---- all ---------------------------------------------------------------------------------------

def parse():
    parser = argparse.ArgumentParser(prog="bench/peers", description="lathe against other systems, in turn")
    known = [n.name for n in peers_nets.NETWORKS]
    parser.add_argument("names", nargs="*", metavar="NETWORK", help="of %s (default: all)" % ", ".join(known))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1, help="images a call")
    parser.add_argument("--rounds", type=int, default=9, help="blocks of each system")
    parser.add_argument("--steps", type=int, help="training steps of a block")
    parser.add_argument("--block", type=float, default=0.5, help="seconds of a block")
    parser.add_argument("--isa", choices=("host", "avx2"), default="host", help="avx2 holds all systems to AVX2")
    parser.add_argument("--exact", action="store_true",
                        help="lathe without Winograd, against %s" % " and ".join(peers_nets.EXACT_PEERS))
    parser.add_argument("--training", action="store_true", help="a training step instead of inference")
    parser.add_argument("--systems", help="names with commas between (default: all)")
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "peers"), metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="one short block of each, to see that all works")
    options = parser.parse_args()
    options.out = os.path.abspath(options.out)
    for name, value in QUICK.items() if options.quick else ():
        setattr(options, name, value)
    try:
        table = peers_nets.TRAININGS if options.training else peers_nets.NETWORKS
        options.chosen = peers_nets.chosen(table, options.names)
    except KeyError as error:
        parser.error("%s is not a network; accepted: %s" % (error, ", ".join(row.name for row in table)))
    return parser, options


def chosen_systems(parser, options):
    known = list(training_steps.SYSTEMS if options.training else peers_systems.SYSTEMS)
    if options.exact:
        known = ["lathe", *peers_nets.EXACT_PEERS]
    if not options.systems:
        return known
    names = options.systems.split(",")
    for name in names:
        if name not in known:
            parser.error("%s is not a system; accepted: %s" % (name, ", ".join(known)))
    return names


def not_installed():
    """Packages that bench/peers could not install, with pip's reason."""
    with open(os.path.join(sys.prefix, "missing.json")) as f:
        return json.load(f)


def main():
    parser, options = parse()
    systems = chosen_systems(parser, options)
    os.makedirs(options.out, exist_ok=True)
    note("measuring the machine's peak")
    report = {"machine": machine.describe(options.threads, options.isa), "when": time.strftime("%Y-%m-%d %H:%M"),
              "options": {k: v for k, v in vars(options).items() if k not in ("chosen", "names")}, "rows": [],
              "not_installed": not_installed()}
    for row in options.chosen:
        note(row.name)
        try:
            report["rows"].append((training_steps.measure if options.training else measure)(row, systems, options))
        except (RuntimeError, subprocess.CalledProcessError) as error:
            note("  " + str(error))
            report["rows"].append({"network": row.name, "failure": str(error)})
        peers_report.write(report, options)
    print(peers_report.markdown(report))


if __name__ == "__main__":
    main()
