#!/usr/bin/env python3
"""Runs every command that the documentation shows, page by page, each page in a folder of its own that
looks like the sources (pages.py says how a page is read):

    run.py --source DIR --root DIR --cc CC [PAGE...]

--root is where lathe is installed (bin/ and so on in its usr/). The Python that runs this file is the
pages' python3."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pages import find_pages, read_page


def write_program(path, *words):
    path.write_text("#!/bin/sh\nexec " + " ".join(f"'{w}'" for w in words) + ' "$@"\n')
    path.chmod(0o755)


def make_environment(o, work):
    programs = work / "bin"
    for folder in (programs, work / "tmp"):
        folder.mkdir(parents=True)
    write_program(programs / "cc", o.cc)
    write_program(programs / "python3", sys.executable)
    usr = Path(o.root) / "usr"
    config = next(usr.rglob("lathe.pc")).parent
    return dict(
        os.environ, PATH=f"{programs}:{usr}/bin:{os.environ['PATH']}", CC=o.cc, TMPDIR=str(work / "tmp"),
        XDG_CACHE_HOME=str(work / "cache"), KERAS_HOME=str(work / "keras"), GOFLAGS="-mod=mod",
        PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=str(Path(o.source) / "python"), LATHE_PYTHON=sys.executable, CMAKE_PREFIX_PATH=str(usr),
        PKG_CONFIG_PATH=str(config), KERAS_BACKEND="jax", COLUMNS="80", LC_ALL="C.UTF-8",
    )


def make_folder(source, folder):
    """What a page finds: the sources' folders that commands name, and CIFAR-10 where ./check unpacks it."""
    folder.mkdir(parents=True)
    shutil.copytree(source / "examples", folder / "examples")
    for name in ("bench", "compiler", "docs", "python", "runtime", "templates"):
        (folder / name).symlink_to(source / name)
    cifar10 = os.environ.get("LATHE_CIFAR10")
    if cifar10:
        (folder / "build/data/cifar10").mkdir(parents=True)
        (folder / "build/data/cifar10/cifar-10-batches-bin").symlink_to(Path(cifar10).resolve())


class Shell:
    """Runs commands one after the other; the folder they change to stays."""

    def __init__(self, folder, environment):
        self.folder, self.environment, self.place = folder, environment, folder / ".place"
        self.place.write_text(str(folder))

    def run(self, commands):
        """Exit status and what was printed."""
        script = f'set -eo pipefail\ntrap "pwd >{self.place}" EXIT\ncd "$(cat {self.place})"\n{commands}\n'
        done = subprocess.run(["bash", "-c", script], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=900)
        return done.returncode, done.stdout.decode(errors="replace")

    def has(self, what):
        test = "test -e" if "/" in what else "command -v"
        return self.run(f'{test} "{what}"')[0] == 0


def split_console(text):
    """(command, what it prints) for each line that begins with "$ "; a command goes on after a backslash."""
    pairs = []
    for line in text.split("\n"):
        if line.startswith("$ "):
            pairs.append(([line[2:]], []))
        elif pairs and not pairs[-1][1] and pairs[-1][0][-1].endswith("\\"):
            pairs[-1][0].append(line)
        elif pairs:
            pairs[-1][1].append(line)
        else:
            raise SystemExit(f"a console block begins with '$ ', not with {line!r}")
    return [("\n".join(command), printed) for command, printed in pairs]


def matches(shown, printed):
    """Whether these lines are what was printed; a line "..." stands for any lines, inside one for anything."""
    pattern = ""
    for line in shown:
        pattern += r"(?:.*\n)*?" if line.strip() == "..." else ".*".join(map(re.escape, line.rstrip().split("..."))) + r"\s*\n"
    return re.fullmatch(pattern, printed if printed.endswith("\n") or not printed else printed + "\n") is not None


class Runner:
    def __init__(self, o, work):
        self.source, self.work, self.environment = Path(o.source), work, make_environment(o, work)
        self.ran, self.skipped, self.failures = 0, [], []

    def fail(self, page, step, text):
        self.failures.append(f"{page.path}:{step.line}: {text}")

    def run_console(self, page, step, shell):
        for command, shown in split_console(step.text):
            status, printed = shell.run(command)
            refused = any("error:" in line for line in shown)
            if (status != 0) != refused:
                self.fail(page, step, f"exit status {status} of: {command}\n{printed}")
            elif shown and not matches(shown, printed):
                self.fail(page, step, f"'{command}' printed:\n{printed}instead of what the page shows")

    def run_step(self, page, step, shell):
        if step.kind == "file":
            folder = Path(shell.place.read_text().strip())
            (folder / step.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / step.name).write_text(step.text)
        elif step.kind == "console":
            self.run_console(page, step, shell)
        else:
            status, printed = shell.run(step.text)
            if status != 0:
                self.fail(page, step, f"exit status {status} of:\n{step.text}\n{printed[-2000:]}")

    def why_not(self, page, step, shell):
        missing = [n for n in step.needs if not shell.has(n)]
        return page.not_run or step.not_run or (f"{', '.join(missing)} is not there" if missing else None)

    def run_page(self, page):
        self.failures += page.complaints
        folder = self.work / page.path.replace("/", "-")
        if page.after:
            shutil.copytree(self.work / page.after.replace("/", "-"), folder, symlinks=True)
        else:
            make_folder(self.source, folder)
        shell = Shell(folder, self.environment)
        start, ran, failures = time.monotonic(), self.ran, len(self.failures)
        for step in page.steps:
            why = self.why_not(page, step, shell)
            shown = step.kind in ("sh", "console")
            if why and shown:
                self.skipped.append(f"{page.path}:{step.line}: {why}")
            if not why:
                self.ran += shown
                self.run_step(page, step, shell)
            if len(self.failures) > failures and shown:
                break
        if self.ran > ran:
            print(f"{page.path:32} {self.ran - ran:3} blocks {time.monotonic() - start:6.1f} s", flush=True)


def with_earlier(source, names):
    """The pages of these names, and before each the one that it begins after."""
    pages = {}
    for name in names:
        page = read_page(source, name)
        if page.after and page.after not in pages:
            pages.update(with_earlier(source, [page.after]))
        pages.setdefault(name, page)
    return pages


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("source", "root", "cc"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("pages", nargs="*", metavar="PAGE")
    o = parser.parse_args()
    o.source, o.root = Path(o.source).resolve(), Path(o.root).resolve()
    with tempfile.TemporaryDirectory(prefix="lathe-docs-") as work:
        runner = Runner(o, Path(work))
        for page in with_earlier(o.source, o.pages or find_pages(o.source)).values():
            runner.run_page(page)
        left = os.listdir(f"{work}/tmp")
    print(f"{runner.ran} blocks of commands ran, {len(runner.skipped)} did not:")
    print("\n".join(f"  {line}" for line in runner.skipped))
    if left:
        runner.failures.append(f"left in TMPDIR: {left}")
    for failure in runner.failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    sys.exit(1 if runner.failures else 0)


if __name__ == "__main__":
    main()
