"""What the tests with photographs share: where the data is, and the command."""

import os
import pathlib
import re
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["LATHE_SOURCE"])
FOLDER = pathlib.Path(os.environ["PHOTOS_FOLDER"])
DATA = pathlib.Path(os.environ.get("LATHE_DATA") or SOURCE / "../shared/data")


def data_file(name):
    """A file of the data folder; the test is skipped where there is no data at all."""
    if not DATA.is_dir():
        raise unittest.SkipTest(f"no data: set LATHE_DATA (looked in {DATA})")
    path = DATA / name
    if not path.exists():
        raise AssertionError(f"{path} is missing")
    return path


def lathe(*words):
    """Runs the command and returns what it printed."""
    done = subprocess.run([os.environ["LATHE"], *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"lathe {' '.join(map(str, words))}: {done.stderr}{done.stdout}")
    return done.stdout


def predictions(text):
    """(WordNet number, name, number) of the likeliest class of each photograph."""
    found = re.findall(r"^Predicted: \[\[\('(n\d+)', '([^']*)', ([-\d.e]+)\)", text, re.MULTILINE)
    return [(number, name, float(p)) for number, name, p in found]
