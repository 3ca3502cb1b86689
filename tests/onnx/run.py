"""Runs the onnx package's backend tests through lathe.

usage: run.py [--engine interpreter|generated] [--filter REGEX] [--table FILE] [--json FILE] [-j N]

Prints a line for each failure and the counts; exit status 1 if a test fails. --table writes the table
of operators: tests passed and refused, with the reasons.
"""

import argparse
import collections
import json
import multiprocessing
import os
import re
import sys
import time
import unittest
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
warnings.filterwarnings("ignore")

import onnx  # noqa: E402
import onnx.backend.test  # noqa: E402
from onnx.backend.test.loader import load_model_tests  # noqa: E402

from backend import LatheBackend  # noqa: E402

KINDS = {"node": "OnnxBackendNodeModelTest", "simple": "OnnxBackendSimpleModelTest",
         "pytorch-converted": "OnnxBackendPyTorchConvertedModelTest",
         "pytorch-operator": "OnnxBackendPyTorchOperatorModelTest",
         "light": "OnnxBackendRealModelTest"}


def cases():
    """Every test of the package's runner: (kind, name, test case)."""
    runner = onnx.backend.test.BackendTest(LatheBackend, __name__)
    classes = runner.test_cases
    for kind, class_name in KINDS.items():
        test_class = classes.get(class_name)
        if test_class is None:
            continue
        for name in unittest.TestLoader().getTestCaseNames(test_class):
            if name.endswith("_cpu"):
                yield kind, name, test_class(name)


def operators(kind, name):
    """The operators that a test is about: its model's."""
    for test in load_model_tests(kind=kind):
        if test.name == name.removesuffix("_cpu"):
            model = onnx.load(Path(test.model_dir) / "model.onnx")
            return sorted({n.op_type for n in model.graph.node})
    return []


ALL = {}


def run_one(key):
    test = ALL[key]
    result = unittest.TestResult()
    start = time.monotonic()
    test.run(result)
    seconds = time.monotonic() - start
    if result.skipped:
        return key, "refused", result.skipped[0][1], seconds
    if result.failures or result.errors:
        return key, "failed", (result.failures or result.errors)[0][1], seconds
    return key, "passed", "", seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", default="interpreter")
    parser.add_argument("--filter", default="")
    parser.add_argument("--table")
    parser.add_argument("--json")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    options = parser.parse_args()
    os.environ["LATHE_ENGINE"] = options.engine
    for kind, name, test in cases():
        if re.search(options.filter, f"{kind}/{name}"):
            ALL[f"{kind}/{name}"] = test
    with multiprocessing.get_context("fork").Pool(options.j) as pool:
        results = pool.map(run_one, sorted(ALL), chunksize=4)
    counts = collections.Counter(r[1] for r in results)
    for key, verdict, text, _ in results:
        if verdict == "failed":
            lines = [s for s in text.splitlines() if re.match(r'\w+(Error|Exception)', s)] or text.splitlines()
            print(f"FAILED {key}: {' | '.join(lines[-1:])[-400:]}")
    print(f"{counts['passed']} passed, {counts['refused']} refused, {counts['failed']} failed")
    if options.json:
        Path(options.json).write_text(json.dumps([list(r) for r in results], indent=1))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
