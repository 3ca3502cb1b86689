"""The machine that a benchmark runs on: what it is, and what it can do at most."""
import glob
import json
import os
import platform
import subprocess
import sys

from peers_nets import ROOT

HERE = os.path.dirname(os.path.abspath(__file__))
LEAST_READ = 512 << 20  # bytes: more than the caches of most machines


def cpu_fields():
    with open("/proc/cpuinfo") as f:
        text = f.read().split("\n\n")[0]
    return dict((key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in text.split("\n")))


def compiler():
    return subprocess.run([os.environ.get("CC", "cc"), "--version"], capture_output=True, text=True,
                          check=True).stdout.splitlines()[0]


def build(source, name, *options):
    """A C file of this folder, compiled into build/bench."""
    out = os.path.join(ROOT, "build", "bench", name)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run([os.environ.get("CC", "cc"), "-O2", *options, "-o", out, os.path.join(HERE, source)], check=True)
    return out


def build_lathe():
    """build/lathe/lathe, with the packages that it needs."""
    subprocess.run(["bash", "-c", "set -euo pipefail; source .ci/setup.sh; mkdir -p build; install_packages build; "
                    "build_lathe"], cwd=ROOT, check=True, stdout=sys.stderr)


def hold_avx2():
    """The library that hides AVX-512 from a process."""
    return build("hold_avx2.c", "hold_avx2.so", "-fPIC", "-shared")


def available_bytes():
    with open("/proc/meminfo") as f:
        fields = dict(line.split(":", 1) for line in f)
    return 1024 * int(fields["MemAvailable"].split()[0])


def largest_cache():
    """Bytes, as Linux counts them in K."""
    sizes = [0]
    for path in glob.glob("/sys/devices/system/cpu/cpu0/cache/index*/size"):
        with open(path) as f:
            sizes.append(1024 * int(f.read().strip().rstrip("K")))
    return max(sizes)


def describe(threads, isa):
    """Name, load and peak rates on so many threads."""
    fields = cpu_fields()
    wide = "avx512f" in fields.get("flags", "").split() and isa != "avx2"
    size = min(max(LEAST_READ, 4 * largest_cache()), available_bytes() // 3)
    load = os.getloadavg()[0]
    peak = json.loads(subprocess.run([build("peak.c", "peak", "-pthread"), str(threads),
                                      "avx512" if wide else "avx2", str(size)],
                                     check=True, capture_output=True, text=True).stdout)
    return {"cpu": fields.get("model name", platform.machine()), "cores": os.cpu_count(), "load": load,
            "isa": "AVX-512" if wide else "AVX2", "threads": threads, "compiler": compiler(),
            "system": platform.platform(), **peak}
