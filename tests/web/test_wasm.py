"""Generated code of the target wasm, built by Debian's clang and run by Chromium: the outputs that lathe recorded, and
the bits of other targets."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import unittest

import browser

SOURCE, LATHE, FOLDER = (os.environ[name] for name in ("LATHE_SOURCE", "LATHE", "WEB_FOLDER"))
TESTS = os.path.join(SOURCE, "tests")
STEPS = "5"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


def good(*words):
    done = subprocess.run(list(words), cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0 or done.stderr:
        raise AssertionError("%s: exit status %d\n%s" % (" ".join(words), done.returncode, done.stderr.decode()))
    return done.stdout


def build(compiler, level, model, program, name, *options):
    """The program `name`: that C file of the tests around the network, compiled with these options of lathe."""
    title = os.path.splitext(os.path.basename(model))[0]
    good(LATHE, "compile", os.path.join(SOURCE, model), "-o", name + ".c", *options)
    good(*compiler, *STRICT, level, "-c", name + ".c", "-o", name + ".o")
    good(*compiler, "-O1", "-DMODEL=%s_model" % title, "-I" + os.path.join(SOURCE, "runtime"),
         os.path.join(TESTS, program), name + ".o", "-lm", "-o", name)
    return os.path.join(FOLDER, name)


# Bits don't depend on the level; without optimisation clang takes a tenth of the time.
WASM, NATIVE = ["clang", "--target=wasm32-wasi"], ["clang", "-pthread"]
MIXED = "tests/codegen/networks/mixed.py"


class Wasm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.makedirs(FOLDER)
        cls.page = browser.Page(FOLDER, "about:blank")
        cls.addClassCleanup(cls.page.close)
        with open(os.path.join(TESTS, "web", "wasi.js"), encoding="utf-8") as f:
            cls.page.evaluate(f.read())

    def run_wasm(self, program, *words):
        with open(program, "rb") as f:
            text = base64.b64encode(f.read()).decode()
        done = self.page.evaluate("run(%s, %s)" % (json.dumps(text), json.dumps(["program", *words])))
        self.assertEqual(done["status"], 0)
        self.assertEqual(self.page.console, [])
        return base64.b64decode(done["output"])

    def same_training(self, level, native_target, *options):
        program = "codegen/train_steps.c"
        wasm = build(WASM, level, MIXED, program, native_target + "_wasm", "--train", "--target", "wasm", *options)
        native = build(NATIVE, "-O0", MIXED, program, native_target, "--train", "--target", native_target, *options)
        want = good(native, STEPS, "plain", "-1")
        got = self.run_wasm(wasm, STEPS, "reverse", "-1")
        self.assertGreater(len(want), 10000)
        self.assertEqual(hashlib.sha256(got).hexdigest(), hashlib.sha256(want).hexdigest())

    def test_training_has_the_bits_of_sse2(self):
        self.same_training("-O2", "sse2")

    def test_reproducible_training_has_the_bits_of_fused_targets(self):
        self.same_training("-O0", "c99", "--reproducible")

    def test_recorded_outputs(self):
        for kind in ("f32", "f16", "bf16"):
            with self.subTest(kind):
                self.run_wasm(build(WASM, "-O2", "examples/lenet5/lenet5.py", "web/self_test.c", kind, "--target", "wasm",
                                    "--weights-type", kind))

    def test_recorded_training(self):
        self.run_wasm(build(WASM, "-O2", "examples/cifar10/convbn.py", "web/self_test.c", "training", "--target", "wasm", "--train"))


if __name__ == "__main__":
    unittest.main()
