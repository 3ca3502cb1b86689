"""The built-in networks: lathe's scripts under Keras against keras.applications (operations, settings,
connections, weights), and `lathe summary NAME` against Keras's table. LATHE_FULL=1: every network,
else one of each script."""
import os
import unittest

os.environ["COLUMNS"] = "80"  # the width of lathe's table
os.environ["KERAS_BACKEND"] = "jax"

import keras_zoo
import lathe_abi

FULL = os.environ.get("LATHE_FULL") == "1"


def chosen():
    found = keras_zoo.members()
    first = {path: name for name, path in reversed(found.items())}
    return found if FULL else {name: path for path, name in first.items()}


class Scripts(unittest.TestCase):
    def test_names(self):
        self.assertEqual(sorted(keras_zoo.members()), sorted(keras_zoo.applications()))

    def test_networks(self):
        for name, path in chosen().items():
            with self.subTest(network=name):
                want = keras_zoo.application(name)
                got = keras_zoo.script_model(name, path)
                self.assertEqual(got.name, want.name)
                self.assertEqual(keras_zoo.describe(got), keras_zoo.describe(want))
                lines = []
                want.summary(print_fn=lambda text, **_: lines.append(text))
                self.assertEqual(stripped(lathe_abi.lathe("summary", name)),
                                 stripped("\n".join(lines)))


def stripped(text):
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


if __name__ == "__main__":
    unittest.main()
