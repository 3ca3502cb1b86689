"""How the package finds lathe and the C compiler, and what it keeps where."""
import os
import shutil
import stat
import tempfile
import unittest
from unittest import mock

import numpy as np

from common import Case, lathe_nn

from lathe_nn import toolchain
from lathe_nn.generated import symbol_of

SOURCE = "int answer(void) { return 42; }\n"


class Toolchain(Case):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.set(XDG_CACHE_HOME=os.path.join(self.folder, "cache"))
        self.source = os.path.join(self.folder, "answer.c")
        with open(self.source, "w") as f:
            f.write(SOURCE)

    def set(self, **variables):
        patch = mock.patch.dict(os.environ, variables)
        patch.start()
        self.addCleanup(patch.stop)

    def script(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o700)
        return path

    def test_lathe(self):
        self.assertIn("lathe", toolchain.lathe("--version"))
        with mock.patch.dict(os.environ, LATHE="/nowhere/lathe"):
            with self.assertRaisesRegex(lathe_nn.LatheError, "/nowhere/lathe cannot be run"):
                toolchain.lathe("--version")
        own = self.script("lathe", "echo mine")
        with mock.patch.dict(os.environ, PATH=self.folder):
            del os.environ["LATHE"]
            self.assertEqual(toolchain.lathe_command(), own)
            os.environ["PATH"] = "/nowhere"
            with self.assertRaisesRegex(lathe_nn.LatheError, "on PATH"):
                toolchain.lathe_command()

    def test_compiler(self):
        self.set(PATH=self.folder)
        os.environ.pop("CC", None)
        with mock.patch("importlib.util.find_spec", return_value=None):
            with self.assertRaisesRegex(lathe_nn.LatheError, "no C compiler"):
                toolchain.compiler_command()
        with mock.patch("importlib.util.find_spec", return_value=object()):
            self.assertEqual(toolchain.compiler_command()[1:], ["-m", "ziglang", "cc"])
        clang = self.script("clang", "")
        self.assertEqual(toolchain.compiler_command(), [clang])
        os.environ["CC"] = "ccache gcc"
        self.assertEqual(toolchain.compiler_command(), ["ccache", "gcc"])

    def test_zig(self):
        """A machine whose only C compiler is the package ziglang."""
        self.set(PATH="/nowhere", ZIG_GLOBAL_CACHE_DIR=os.path.join(self.folder, "zig"))
        os.environ.pop("CC", None)
        model = os.path.join(os.environ["LATHE_SOURCE"], "examples", "embed", "stripes.py")
        rows = np.arange(8)[:, None] // 2 % 2 * np.ones((8, 8), np.float32)
        told = lathe_nn.compile(model)(np.stack([rows, rows.T])[..., None])
        self.assertEqual(list(told.argmax(axis=1)), [0, 1])
        os.environ["CC"] = " ".join(toolchain.compiler_command())
        self.assertIn("generated", toolchain.lathe("bench", model, "--inference", "--runs", "1"))

    def test_kept(self):
        first = toolchain.compile_library(self.source)
        before = os.stat(first).st_mtime_ns
        self.assertEqual(toolchain.compile_library(self.source), first)
        self.assertEqual(os.stat(first).st_mtime_ns, before)
        with open(self.source, "a") as f:
            f.write("/* other */\n")
        self.assertNotEqual(toolchain.compile_library(self.source), first)
        self.assertEqual({name[-3:] for name in os.listdir(os.path.dirname(first))}, {".so"})

    def test_compiler_is_part_of_the_key(self):
        one = toolchain.compile_library(self.source)
        real = shutil.which(toolchain.compiler_command()[0])
        self.set(CC=self.script("other", 'if [ "$1" = --version ]; then echo 9; else exec %s "$@"; fi\n' % real))
        self.assertNotEqual(toolchain.compile_library(self.source), one)

    def test_without_openmp(self):
        real = shutil.which(toolchain.compiler_command()[0])
        self.set(CC=self.script("plain", 'case "$*" in *openmp*) exit 1;; esac\nexec %s "$@"\n' % real))
        self.assertTrue(os.path.exists(toolchain.compile_library(self.source)))

    def test_compiler_fails(self):
        with open(self.source, "w") as f:
            f.write("this is not C\n")
        with self.assertRaisesRegex(lathe_nn.LatheError, "answer.c"):
            toolchain.compile_library(self.source)
        self.assertEqual(os.listdir(toolchain.cache_folder()), [])

    def test_folder_is_private(self):
        folder = toolchain.cache_folder()
        self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
        os.chmod(folder, 0o770)
        with self.assertRaisesRegex(lathe_nn.LatheError, "written to by others"):
            toolchain.compile_library(self.source)
        os.chmod(folder, 0o700)
        with mock.patch("os.getuid", return_value=os.getuid() + 1):
            with self.assertRaisesRegex(lathe_nn.LatheError, "another user"):
                toolchain.compile_library(self.source)
        shutil.rmtree(folder)
        with open(folder, "w"):
            pass
        with self.assertRaisesRegex(lathe_nn.LatheError, "XDG_CACHE_HOME"):
            toolchain.compile_library(self.source)

    def test_symbols(self):
        for name, symbol in (("model", "model"), ("my-net.v2", "my_net_v2"), ("3d", "model_3d"), ("", "model"),
                             ("größe", "gr_e"), ("../x", "x")):
            self.assertEqual(symbol_of(name), symbol)


if __name__ == "__main__":
    unittest.main()
