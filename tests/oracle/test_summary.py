"""`lathe summary` against Keras's own table: layers, classes, shapes, parameters and totals; and the
counts that the examples are known by."""
import os
import re
import unittest

os.environ["COLUMNS"] = "160"  # Keras's table is not to be cut off

import compare
import lathe_abi
from keras_side import KerasModel, run_script

COUNTS = {"model1": 181334, "model1_10": 226390, "model2": 1628214}


def rows(text):
    """The table's rows without borders and spaces: lines are wrapped in the middle of names too."""
    table, current = [], None
    for line in text.splitlines():
        if line[:1] in "├└┡┏╇":
            current = None
        elif line[:1] in "│┃":
            cells = [c.replace(" ", "") for c in re.split("[│┃]", line)[1:-1]]
            if current is None:
                current = cells
                table.append(current)
            else:
                for i, cell in enumerate(cells):
                    current[i] += cell
    return table


def totals(text):
    return [line.strip() for line in text.splitlines() if "params" in line and ":" in line]


def keras_summary(model):
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line), line_length=120)
    return "\n".join(lines)


class Summary(unittest.TestCase):
    def test_tables(self):
        for name, script in compare.scripts().items():
            with self.subTest(network=name):
                want = keras_summary(run_script(script))
                got = lathe_abi.lathe("summary", script)
                self.assertEqual(got.splitlines()[0].strip(), want.splitlines()[0].strip())
                self.assertEqual(rows(got), rows(want))
                # Keras counts the optimizer once it is built; the scripts' models are fresh.
                self.assertEqual(totals(got)[:3], totals(want)[:3])

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
