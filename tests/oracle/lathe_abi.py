"""Generated models from outside: compiles a model with lathe and a C compiler; the package's own binding
(python/lathe_nn/abi.py) loads the shared library and drives it.

LATHE names the command; CC the C compiler (default: cc); QUICK_CC one with its flags that compiles faster and is used
unless LATHE_FULL is set: the bits are the same (tests/codegen/same_bits.sh); LATHE_COMPILED the folder that keeps
what was compiled.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
from lathe_nn.abi import (ABI, Loss, Metrics, ModelTable, Predictor, Step, Tensor, Trainer, Value,  # noqa: E402,F401
                          Weights, aligned, as_input, load, pointers)


def lathe(*words):
    """Runs the command; its standard output, or an error with what it said."""
    command = [os.environ["LATHE"], *map(str, words)]
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if run.returncode != 0:
        raise RuntimeError("%s\nexit status %d\n%s" % (" ".join(command), run.returncode, run.stderr))
    return run.stdout


def compiler(flags):
    quick = os.environ.get("QUICK_CC")
    if quick and not os.environ.get("LATHE_FULL"):
        return quick.split()
    return [os.environ.get("CC", "cc"), *flags]


def build(script, folder, *options, flags=("-O2",)):
    """`lathe compile` with these options, then the C compiler: the path of the shared library, which
    lies beside the weights. Equal C is compiled once: several tests want the same networks."""
    shutil.rmtree(folder, ignore_errors=True)
    lathe("compile", script, "-o", folder, *options)
    sources = [f for f in os.listdir(folder) if f.endswith(".c")]
    if len(sources) != 1:
        raise RuntimeError("lathe compile wrote %s in %s, not one C file" % (sources, folder))
    source = os.path.join(folder, sources[0])
    command = [*compiler(flags), "-std=c99", "-fPIC", "-shared"]
    with open(source, "rb") as f:
        key = hashlib.sha256(" ".join(command).encode() + f.read()).hexdigest()
    cache = os.environ.get("LATHE_COMPILED") or os.path.join(folder, "compiled")
    kept = os.path.join(cache, key + ".so")
    if not os.path.exists(kept):
        os.makedirs(cache, exist_ok=True)
        fresh = "%s.%d" % (kept, os.getpid())
        subprocess.run([*command, "-o", fresh, source, "-lm"], check=True,
                       stdin=subprocess.DEVNULL)
        os.replace(fresh, kept)
    library = source[:-2] + ".so"
    shutil.copyfile(kept, library + ".part")
    os.replace(library + ".part", library)
    return library


def multiply_adds(model, *options):
    """Of one sample, where no algorithm saves any."""
    plan = lathe("inspect", model, "--plan", "--exact", *options)
    return sum(int(n) for n in re.findall(r"(\d+) multiply-adds$", plan, re.M))


def dropout_streams(script):
    """The random stream of each dropout layer, by name, as the graph has it (0 is not printed)."""
    streams = {}
    # "NAME/draw" where one draw stands for a whole sample.
    for name, attributes in re.findall(r"%(\S+?)(?:/draw)? = dropout\([^)]*\)( {[^}]*})?", lathe("inspect", script)):
        stream = re.search(r"stream=(\d+)", attributes)
        streams[name] = int(stream.group(1)) if stream else 0
    return streams


def host_targets():
    """The targets that this machine runs, best first."""
    with open("/proc/cpuinfo") as f:
        flags = set(re.search(r"^flags\s*: (.*)$", f.read(), re.M).group(1).split())
    needs = {"avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "fma"},
             "avx2": {"avx2", "fma"}, "sse2": {"sse2"}, "c99": set()}
    return [name for name, need in needs.items() if need <= flags]
