"""The ctypes mirror of runtime/lathe_abi.h has the C compiler's offsets and sizes."""
import ctypes
import os
import subprocess
import tempfile
import unittest

import lathe_abi
import networks

STRUCTURES = {"lathe_weights": lathe_abi.Weights, "lathe_step": lathe_abi.Step,
              "lathe_metrics": lathe_abi.Metrics, "lathe_tensor": lathe_abi.Tensor,
              "lathe_value": lathe_abi.Value, "lathe_loss": lathe_abi.Loss,
              "lathe_model": lathe_abi.ModelTable}


def c_layout():
    """"structure.field" -> (offset, size), and "structure" -> size, from the C compiler."""
    lines = ['printf("%s %%zu 0\\n", sizeof(%s));' % (name, name) for name in STRUCTURES]
    lines += ['printf("%s.%s %%zu %%zu\\n", offsetof(%s, %s), sizeof(((%s *)0)->%s));' % (
        name, field, name, field, name, field)
        for name, mirror in STRUCTURES.items() for field, _ in mirror._fields_]
    text = '#include "lathe_abi.h"\n#include <stdio.h>\nint main(void) {\n%s\nreturn 0;\n}\n' % (
        "\n".join(lines))
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "layout.c")
        with open(source, "w") as f:
            f.write(text)
        subprocess.run([os.environ.get("CC", "cc"), "-I", os.path.join(networks.ROOT, "runtime"),
                        "-o", source[:-2], source], check=True)
        output = subprocess.run([source[:-2]], check=True, capture_output=True, text=True).stdout
    return {line.split()[0]: tuple(map(int, line.split()[1:])) for line in output.splitlines()}


class Layout(unittest.TestCase):
    def test_every_field(self):
        layout = c_layout()
        for name, mirror in STRUCTURES.items():
            self.assertEqual(ctypes.sizeof(mirror), layout[name][0], name)
            for field, _ in mirror._fields_:
                descriptor = getattr(mirror, field)
                self.assertEqual((descriptor.offset, descriptor.size),
                                 layout["%s.%s" % (name, field)], "%s.%s" % (name, field))


if __name__ == "__main__":
    unittest.main()
