"""Measures how much of each reader's own lines its fuzz targets reach with their seeds and corpora, by the table in
README.md, in a fuzz build: coverage.py BUILD [-v]. Fails below 80 % for any reader; -v lists the lines missed."""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

LEAST = 80
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(os.path.abspath(sys.argv[1]), "tests", "fuzz")
PARSE = os.path.join(os.path.abspath(sys.argv[1]), "lathe-parse")


def files_of(pattern):
    """The files in the sources, or generated; behind a colon a part of the names of the functions that count."""
    pattern, _, functions = pattern.partition(":")
    found = [glob.glob(pattern, root_dir=folder) for folder in (ROOT, BUILD)]
    assert any(found), f"README.md: there is no {pattern}"
    return [(file, functions) for file in sorted(found[0] or found[1])]


def readers():
    """(reader, targets, files) of the table."""
    with open(os.path.join(HERE, "README.md")) as f:
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in f if line.startswith("| ")]
    for reader, targets, files in rows[1:]:
        yield reader, re.findall("`(.*?)`", targets), [f for p in re.findall("`(.*?)`", files) for f in files_of(p)]


def run(target):
    """Runs every file of the target's seeds and corpus once; returns the profile."""
    profile = os.path.join(BUILD, target)
    for old in glob.glob(profile + ".*.raw"):
        os.remove(old)
    folders = [os.path.join(BUILD, kind, target) for kind in ("seeds", "corpora")]
    done = subprocess.run([os.path.join(BUILD, target), "-runs=0", *filter(os.path.isdir, folders)], text=True,
                          env={**os.environ, "LLVM_PROFILE_FILE": profile + ".%m.raw", "LATHE_FUZZ_COVERAGE": "1"},
                          capture_output=True, cwd=BUILD)
    assert done.returncode == 0, f"{target}:\n{done.stderr[-4000:]}"
    raw = glob.glob(profile + ".*.raw")
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", profile + ".profile", *raw], check=True)
    for file in raw:
        os.remove(file)
    return profile + ".profile"


def lines_of(target, profile, files):
    """(file, line) -> whether it ran, for each line with code."""
    text = subprocess.run(["llvm-cov", "export", "-format=lcov", os.path.join(BUILD, target), "-object", PARSE,
                           "-instr-profile", profile], check=True, capture_output=True, text=True).stdout
    lines = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":  # -ffile-prefix-map may have changed how it begins
            name, wanted = next((f for f in files if ("/" + rest).endswith("/" + f[0])), (None, ""))
            starts = []
        elif kind == "FN":
            number, function = rest.split(",")
            starts.append((int(number), function))
        elif kind == "DA" and name:
            number, count = map(int, rest.split(",")[:2])
            if wanted in max((f for f in starts if f[0] <= number), default=(0, ""))[1]:
                lines[name, number] = count > 0
    return lines


def print_missed(files, lines):
    for file, _ in files:
        missed = [line for (name, line), ran in sorted(lines.items()) if name == file and not ran]
        print("    %s: %s" % (file, " ".join(map(str, missed))))


def main():
    table = list(readers())
    targets = sorted({t for _, names, _ in table for t in names})
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        profiles = dict(zip(targets, pool.map(run, targets)))
    low = 0
    for reader, names, files in table:
        lines = {}
        for target in names:
            for key, ran in lines_of(target, profiles[target], files).items():
                lines[key] = lines.get(key, False) or ran
        share = 100 * sum(lines.values()) / len(lines)
        low += share < LEAST
        print("%-28s %5.1f %% of %d lines" % (reader, share, len(lines)))
        if "-v" in sys.argv:
            print_missed(files, lines)
    print(f"at least {LEAST} % are wanted; {low} have less")
    sys.exit(low > 0)


main()
