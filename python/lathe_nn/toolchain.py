"""Runs lathe and the C compiler, and keeps what was compiled.

Libraries lie in a folder that only the user may write to: they are loaded into the process, so nobody
else may put one there. A library is found by the C text, the compiler and the flags, and is written to
another name first, so that two processes never see half of one."""
from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from typing import Iterator, List, Sequence, Tuple

from .errors import LatheError

FLAGS = ("-std=c99", "-O2", "-fPIC", "-shared")
# With threads where the compiler has OpenMP, else without.
THREADS = (("-fopenmp",), ())


@contextmanager
def _signals_held() -> Iterator[None]:
    """Python's own handlers of Ctrl-C and SIGTERM run at the end of this, not within."""
    came = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(signal.getsignal(number)):
                before[number] = signal.signal(number, lambda *arguments: came.append(arguments))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for arguments in came:
            before[arguments[0]](*arguments)


def run_command(words: Sequence[str]) -> subprocess.CompletedProcess:
    """Runs a command to its end. Where an exception (Ctrl-C) comes first, the command is asked to stop and gets
    the time to remove what it made. Raises OSError where it can't be run."""
    process = None
    try:
        with _signals_held():  # until there is a process that can be asked
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       stdin=subprocess.DEVNULL, text=True, errors="replace")
        output, message = process.communicate()
    except BaseException:
        if process:
            process.terminate()
            process.communicate()
        raise
    return subprocess.CompletedProcess(words, process.returncode, output, message)


def lathe_command() -> str:
    """The lathe binary: LATHE in the environment, the package's own, or on PATH.

    Raises LatheError if there is none."""
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "lathe")
    found = os.environ.get("LATHE") or (own if os.access(own, os.X_OK) else shutil.which("lathe"))
    if not found:
        raise LatheError("the command lathe is neither in this package nor on PATH, and LATHE does not name it")
    return found


def lathe(*words: object) -> str:
    """Runs the command: what it printed, or LatheError with its message."""
    try:
        run = run_command([lathe_command(), *map(str, words)])
    except OSError as e:
        raise LatheError("%s cannot be run: %s" % (lathe_command(), e.strerror)) from e
    if run.returncode != 0:
        raise LatheError(run.stderr.strip() or "lathe ended with status %d" % run.returncode)
    return run.stdout


def compiler_command() -> List[str]:
    """The C compiler: CC in the environment, cc, gcc, clang, or the package ziglang.

    Raises LatheError if there is none."""
    if os.environ.get("CC"):
        return os.environ["CC"].split()
    for name in ("cc", "gcc", "clang"):
        path = shutil.which(name)
        if path:
            return [path]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise LatheError("no C compiler: install gcc or clang, or `pip install ziglang`, or set CC")


@functools.lru_cache(maxsize=None)
def _identity(command: Tuple[str, ...]) -> str:
    try:
        run = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True,
                             stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as e:
        raise LatheError("the C compiler %s cannot be run: %s" % (" ".join(command), e)) from e
    return run.stdout


def cache_folder() -> str:
    """The folder of compiled libraries, made if it is missing.

    Raises LatheError where it belongs to somebody else or others may write to it."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(base, "lathe")
    try:
        os.makedirs(base, exist_ok=True)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.stat(folder)
    except OSError as e:
        raise LatheError("%s: %s; XDG_CACHE_HOME can name another place" % (folder, e.strerror)) from e
    if found.st_uid != os.getuid():
        raise LatheError("%s belongs to another user: nothing is loaded from there" % folder)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LatheError("%s can be written to by others: nothing is loaded from there (chmod go-w)" % folder)
    return folder


def _kept(folder: str, source: str, command: Sequence[str]) -> str:
    """Where the library of this C file lies, or will."""
    with open(source, "rb") as f:
        text = f.read()
    key = hashlib.sha256("\0".join([_identity(tuple(compiler_command())), *command, ""]).encode() + text)
    return os.path.join(folder, key.hexdigest() + ".so")


def _compile(source: str, library: str, command: Sequence[str]) -> str:
    """The compiler's message, or "" when the library is there."""
    handle, fresh = tempfile.mkstemp(suffix=".part", dir=os.path.dirname(library))
    os.close(handle)
    try:
        run = run_command([*command, "-o", fresh, source, "-lm"])
        if run.returncode != 0:
            return run.stderr.strip() or "exit status %d" % run.returncode
        os.replace(fresh, library)
        return ""
    finally:
        if os.path.exists(fresh):
            os.unlink(fresh)


def compile_library(source: str) -> str:
    """The path of the shared library of a generated C file, compiled unless it is kept already.

    Raises LatheError with the compiler's message."""
    folder, base = cache_folder(), [*compiler_command(), *FLAGS]
    commands = [base + list(threads) for threads in THREADS]
    libraries = [_kept(folder, source, command) for command in commands]
    for library in libraries:
        if os.path.exists(library):
            return library
    for command, library in zip(commands, libraries):
        message = _compile(source, library, command)
        if not message:
            return library
    raise LatheError("%s failed:\n%s" % (" ".join(command), message))
