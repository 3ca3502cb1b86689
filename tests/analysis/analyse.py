"""gcc's analyzer and clang-tidy over compiler/ and runtime/: analyse.py gcc|clang-tidy BUILD [PART]

BUILD is a built folder with compile_commands.json; PART, a part of paths, picks files. The checks of
clang-tidy are in .clang-tidy; what gcc says wrongly is in gcc_mistaken.txt, function by function, and a line
there that gcc no longer says is an error too. A file that is built several times is read with each of its
commands."""
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))


def commands(build, part):
    with open(os.path.join(build, "compile_commands.json")) as f:
        entries = json.load(f)
    chosen = {}
    for entry in entries:
        name = os.path.relpath(entry["file"], SOURCE)
        if name.startswith(("compiler/", "runtime/")) and part in name:
            chosen.setdefault(name, []).append(entry)
    return sorted(chosen.items())


def gcc_command(entry):
    """Without optimisation, so that the analyzer sees the code as it is written."""
    words = [w for w in shlex.split(entry["command"]) if w != "-Werror" and not w.startswith("-O")]
    words[0] = "gcc"
    words[words.index("-o") + 1] = os.devnull
    return words + ["-O0", "-fanalyzer", "-fdiagnostics-plain-output", "-fdiagnostics-path-format=none"]


def run_gcc(entry):
    return subprocess.run(gcc_command(entry), cwd=entry["directory"], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"})


def run_clang_tidy(entry, build):
    """It looks up the commands by the file's name, and takes them all."""
    return subprocess.run(["clang-tidy", "--quiet", "-p", build, entry["file"]], capture_output=True, text=True)


def each_once(files):
    """(name, entry) of each command that gcc has to run: what differs in an object's name alone runs once."""
    for name, entries in files:
        yield from ((name, entry) for entry in {shlex.join(gcc_command(e)): e for e in entries}.values())


def mistaken():
    """{(file, function, warning)} that gcc_mistaken.txt lists."""
    with open(os.path.join(HERE, "gcc_mistaken.txt")) as f:
        return {tuple(line.split()) for line in f if line.strip() and not line.startswith("#")}


def gcc_findings(text):
    """(file, function, warning), line of each warning."""
    function = ""
    for line in text.splitlines():
        within = re.search(r"In function '(\w+)'", line)
        if within:
            function = within.group(1)
        found = re.match(r"([^:]+):\d+:.*warning: .*\[-W([\w-]+)\]$", line)
        if found:
            yield (os.path.relpath(os.path.normpath(found.group(1)), SOURCE), function, found.group(2)), line


def check_gcc(files, part):
    failed, said = False, set()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(each_once(files))
        for (name, _), result in zip(runs, pool.map(lambda r: run_gcc(r[1]), runs)):
            findings = list(gcc_findings(result.stderr))
            said.update(key for key, _ in findings)
            new = sorted({f"{line} in {key[1]}" for key, line in findings if key not in mistaken()})
            print(*new, sep="\n", end="\n" if new else "")
            if new or result.returncode:
                failed = True
            if result.returncode:
                print(f"{name}: gcc failed:\n{result.stderr}")
    for key in sorted(k for k in mistaken() - said if part in k[0]):
        failed = True
        print("gcc_mistaken.txt:", *key, "is not said any more")
    return failed


def check_clang_tidy(files, build):
    failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (name, _), result in zip(files, pool.map(lambda f: run_clang_tidy(f[1][0], build), files)):
            if result.returncode or result.stdout.strip():
                failed = True
                print(result.stdout.strip() or f"{name}: clang-tidy failed: {result.stderr}")
    return failed


def main():
    sys.stdout.reconfigure(line_buffering=True)
    tool, build, *part = sys.argv[1:]
    part = part[0] if part else ""
    files = commands(build, part)
    failed = check_gcc(files, part) if tool == "gcc" else check_clang_tidy(files, build)
    print(f"{tool}: {len(files)} files, {'findings' if failed else 'clean'}")
    sys.exit(failed or not files)


main()
