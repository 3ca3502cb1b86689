"""What generated code costs, free of the machine's noise: for some networks the instructions of each
step (callgrind's counts) and the bytes of text of each function, against those in counts.txt. A
regression shows as a number that grew; a number that fell wants to be recorded.

counts.py LATHE SOURCE [--record]: with --record it writes counts.txt. The numbers are those of one
compiler, which the file names; under another one the test says so and does nothing."""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, "counts.txt")
TOLERANCE = 0.03  # instructions and bytes may differ so much without a word
SLACK = 200  # and by so many of them: a start of a function more or less
NETWORKS = {
    "lenet5": ["examples/lenet5/lenet5.py"],
    "model2": ["examples/cifar10/model2.py"],
    "kernels": ["tests/codegen/networks/kernels.py"],
    "model1": ["examples/cifar10/model1.py", "--train", "--batch", "2"],
    "convbn": ["examples/cifar10/convbn.py", "--train", "--batch", "2"],
}


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def compile_c(folder, output, *more):
    run("gcc", "-O2", "-I", folder, "-o", output, *more, "-lm")


def instructions(folder, name):
    """Of the steps of one call, by name."""
    program = os.path.join(folder, "program")
    abi = os.path.join(HERE, "..", "..", "runtime")
    compile_c(folder, program, "-I", abi, "-DLATHE_PROFILE", f"-DMODEL={name}",
              os.path.join(folder, name + ".c"), os.path.join(HERE, "counts_main.c"))
    run("valgrind", "--tool=callgrind", "--callgrind-out-file=" + os.path.join(folder, "out"), program,
        os.path.join(folder, name + ".weights"))
    counts = {}
    for file in os.listdir(folder):
        if not re.fullmatch(r"out\.\d+", file):
            continue
        with open(os.path.join(folder, file)) as f:
            text = f.read()
        step = re.search(r"^desc: Trigger: Client Request: (\S+)$", text, re.M)
        if step and step.group(1) not in ("before", "after"):
            counts[step.group(1)] = counts.get(step.group(1), 0) + int(re.search(r"^(?:summary|totals): (\d+)", text, re.M).group(1))
    return counts


def text_bytes(folder, name):
    """Of the functions of the object file, by name."""
    output = os.path.join(folder, "model.o")
    compile_c(folder, output, "-c", os.path.join(folder, name + ".c"))
    sizes = {}
    for line in run("nm", "-S", output).splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "tT":
            function = re.sub(r"\.(constprop|isra|part|cold)\.\d+", "", words[3])
            sizes[function] = sizes.get(function, 0) + int(words[1], 16)
    return sizes


def measure(lathe, source, name, folder):
    words = [os.path.join(source, NETWORKS[name][0]), *NETWORKS[name][1:]]
    run(lathe, "compile", *words, "--target", "avx2", "-o", folder)
    rows = {(name, "instructions", key): n for key, n in instructions(folder, name).items()}
    rows.update({(name, "text", key): n for key, n in text_bytes(folder, name).items()})
    return rows


def compiler():
    return "gcc " + run("gcc", "-dumpfullversion").strip()


def read_record():
    with open(RECORD) as f:
        first, *lines = f.read().splitlines()
    rows = {}
    for line in lines:
        network, kind, name, n = line.split()
        rows[network, kind, name] = int(n)
    return first, rows


def write_record(rows):
    with open(RECORD, "w") as f:
        print(compiler(), file=f)
        for key in sorted(rows):
            print(*key, rows[key], file=f)


def compare(was, now):
    """The number of rows that differ."""
    wrong = 0
    for key in sorted(was.keys() | now.keys()):
        a, b = was.get(key), now.get(key)
        if a is None or b is None or abs(a - b) > TOLERANCE * a + SLACK:
            print(*key, "recorded:", a, "now:", b)
            wrong += 1
    return wrong


def main():
    lathe, source, *record = sys.argv[1:]
    if not record and read_record()[0] != compiler():
        print(f"SKIPPED: the counts are those of {read_record()[0]}, this is {compiler()}")
        return 0
    rows = {}
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            rows.update(measure(lathe, source, name, folder))
    for name in NETWORKS:
        for kind in "instructions", "text":
            print(name, kind, sum(n for key, n in rows.items() if key[:2] == (name, kind)))
    if record:
        write_record(rows)
        return 0
    wrong = compare(read_record()[1], rows)
    if wrong:
        print(f"{wrong} counts differ from counts.txt; if that is meant: counts.py LATHE SOURCE --record")
    return 1 if wrong else 0


sys.exit(main())
