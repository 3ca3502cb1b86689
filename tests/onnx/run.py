"""Runs the onnx package's backend tests through lathe.

usage: run.py [--engine interpreter|generated] [--filter REGEX] [--refused-at-most N]
              [--sample] [--table FILE] [--json FILE] [-j N]

--sample runs one test of each operator. Prints a line for each failure and the counts; exit status 1 if a test fails. --table writes the table
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


def operators():
    """For each test the operator that it is about. Tests named x_expanded have the body of x's
    operator as a graph; of the other models with several operators each is named."""
    of, models = {}, {}
    for kind in KINDS:
        for test in load_model_tests(kind=kind) if kind != "light" else []:
            model = onnx.load(Path(test.model_dir) / "model.onnx")
            models[f"{kind}/{test.name}_cpu"] = sorted({n.op_type for n in model.graph.node})
    for key, names in models.items():
        own = models.get(re.sub(r"_expanded(_ver\d+)?_cpu$", "_cpu", key), names)
        of[key] = own if len(own) == 1 else names
    return of


def short(text):
    """A reason without the names of one model."""
    text = re.sub(r"^node '.*?' \((\w+), opset \d+\): ", r"\1: ", text.splitlines()[0])
    text = re.sub(r"(input|output) '[^']*'", r"an \1", text)
    return text.replace("this operator is not supported", "not supported").replace("|", "/")[:120]


def write_table(path, results):
    of = operators()
    rows = collections.defaultdict(lambda: [0, 0, collections.Counter()])
    for key, verdict, text, _ in results:
        for name in of.get(key, []):
            row = rows[name]
            row[0] += verdict == "passed"
            row[1] += verdict == "refused"
            if verdict == "refused":
                row[2][short(text)] += 1
    counts = collections.Counter((r[0].split("/")[0], r[1]) for r in results)
    kinds = "\n".join(f"| {k} | {counts[k, 'passed']} | {counts[k, 'refused']} |" for k in KINDS)
    lines = "\n".join(
        f"| {name} | {row[0]} | {row[1]} | {'; '.join(t for t, _ in row[2].most_common(3))} |"
        for name, row in sorted(rows.items()))
    Path(path).write_text(f"""# ONNX operators

The backend tests of PyPI's `onnx=={onnx.__version__}`, run through lathe. Made by `tests/onnx/run.py --table docs/onnx.md`.

A refused model ends with a message, never with a wrong answer. Numbers are float32 when a model runs;
integers that float32 may not hold are computed while the model is compiled, where they are known then.
A test of a model with several operators counts for each of them.

| tests | passed | refused |
|---|---|---|
{kinds}

| operator | passed | refused | why |
|---|---|---|---|
{lines}
""")


ALL = {}
SAMPLE_TRIES = 4


def run_one(key):
    """The light models have weights that are all equal, and so large results that one rounding decides
    their softmax: the interpreter, whose order of sums OpenBLAS chooses by processor, runs them in double."""
    test = ALL[key]
    os.environ["LATHE_DOUBLE"] = "1" if key.startswith("light/") else ""
    result = unittest.TestResult()
    start = time.monotonic()
    test.run(result)
    seconds = time.monotonic() - start
    if result.skipped:
        return key, "refused", result.skipped[0][1], seconds
    if result.failures or result.errors:
        return key, "failed", (result.failures or result.errors)[0][1], seconds
    return key, "passed", "", seconds


def samples():
    """For each operator its first tests, of which one is to run."""
    of = collections.defaultdict(list)
    for key, names in sorted(operators().items()):
        if key in ALL and len(names) == 1 and "_expanded" not in key:
            of[names[0]].append(key)
    return [keys[:SAMPLE_TRIES] for keys in of.values()]


def run_first(keys):
    """The tests up to the first that is not refused."""
    results = []
    for key in keys:
        results.append(run_one(key))
        if results[-1][1] != "refused":
            break
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", default="interpreter")
    parser.add_argument("--filter", default="")
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--table")
    parser.add_argument("--json")
    parser.add_argument("--refused-at-most", type=int)
    parser.add_argument("-j", type=int, default=os.cpu_count())
    parser.add_argument("--passed-at-least", type=int)
    options = parser.parse_args()
    os.environ["LATHE_ENGINE"] = options.engine
    for kind, name, test in cases():
        if re.search(options.filter, f"{kind}/{name}"):
            ALL[f"{kind}/{name}"] = test
    with multiprocessing.get_context("fork").Pool(options.j) as pool:
        groups = samples() if options.sample else [[key] for key in sorted(ALL)]
        results = sum(pool.map(run_first, groups, chunksize=4), [])
    counts = collections.Counter(r[1] for r in results)
    for key, verdict, text, _ in results:
        if verdict == "failed":
            lines = [s for s in text.splitlines() if re.match(r'\w+(Error|Exception)', s)] or text.splitlines()
            print(f"FAILED {key}: {' | '.join(lines[-1:])[-400:]}")
    print(f"{counts['passed']} passed, {counts['refused']} refused, {counts['failed']} failed")
    if options.table:
        write_table(options.table, results)
    if options.refused_at_most is not None and counts["refused"] > options.refused_at_most:
        print(f"more than {options.refused_at_most} tests are refused: the number may only fall")
        counts["failed"] += 1
    if options.passed_at_least is not None and counts["passed"] < options.passed_at_least:
        print(f"fewer than {options.passed_at_least} tests pass")
        counts["failed"] += 1
    if options.json:
        Path(options.json).write_text(json.dumps([list(r) for r in results], indent=1))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
