"""`lathe summary` against Keras's own table, character by character; the counts that the examples are
known by; the table of tensors in generated code."""
import os
import unittest

os.environ["COLUMNS"] = "80"  # the width of lathe's table

import compare
import lathe_abi
from keras_side import KerasModel, run_script

COUNTS = {"model1": 181334, "model1_10": 226390, "model2": 1628214}


def keras_summary(model):
    """Keras's text for a terminal of 80 columns, without spaces at line ends."""
    lines = []
    model.summary(print_fn=lambda text, **_: lines.append(text))
    return stripped("\n".join(lines))


def stripped(text):
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


class Summary(unittest.TestCase):
    def test_tables(self):
        for name, script in compare.scripts().items():
            with self.subTest(network=name):
                self.assertEqual(stripped(lathe_abi.lathe("summary", script)),
                                 keras_summary(run_script(script)))

    def test_counts(self):
        scripts = compare.scripts()
        for name, count in COUNTS.items():
            with self.subTest(network=name):
                self.assertIn("Total params: {:,}".format(count),
                              lathe_abi.lathe("summary", scripts[name]))
                self.assertEqual(run_script(scripts[name]).count_params(), count)

    def test_tensor_table(self):
        """The generated table of tensors has Keras's weights with their shapes, in their order."""
        for name, script in compare.scripts().items():
            with self.subTest(network=name):
                model = KerasModel(script)
                lathe = compare.trainer(script, name)
                weights = [t for t in lathe.index if lathe.role[t] != "slot"]
                self.assertEqual(weights, [model.names[id(v)] for v in model.model.weights
                                           if id(v) in model.names])
                for tensor, variable in model.variables().items():
                    self.assertEqual(lathe.shape[tensor], tuple(variable.shape))
                    self.assertEqual(lathe.trainable[tensor], tensor in model.trainable)


if __name__ == "__main__":
    unittest.main()
