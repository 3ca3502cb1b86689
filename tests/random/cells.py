"""The matrix of what random networks reached. A cell is a line of text: a layer with an argument, an operation of
the compiled functions with a value of an attribute, a kernel variant with epilogue and tail (the last two as
../codegen/met.c prints them), a loss, an optimizer with an argument. cells.txt lists the cells that must be
reached; those that it leaves out have a line that begins with '-' and ends in the reason."""
import collections
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "cells.txt")
FEW, MANY = 40, 300
DEFINITIONS = os.path.join(HERE, "..", "..", "compiler", "ir")


def of(net, compiled):
    """All cells of a network; `compiled` is what the program says of its functions."""
    found = set(compiled.splitlines())
    found.update(" ".join(cell.split()[:3]) for cell in compiled.splitlines() if cell.startswith("kernel"))
    owners = {i: c for i, c in enumerate(net.calls)}
    for call in net.calls:
        name = owners[call.shares].text if call.shares is not None else call.text
        if not call.is_layer:
            found.update("call " + n for n in re.findall(r"(?:keras\.activations|ops)\.\w+", name))
            continue
        found.add("layer " + name)
        if call.shares is not None:
            found.add("shared layer")
        for argument, value in call.args.items():
            found.add("layer %s %s" % (name, argument))
            if isinstance(value, str) and not argument.endswith("regularizer"):
                found.add("layer %s %s=%s" % (name, argument, value))
    for output in net.outputs:
        found.add("loss " + (re.sub(r"keras\.losses\.", "", output.loss).strip("'") if output.loss else "none"))
        if output.metric:
            found.add("metric " + output.metric)
        if output.weight:
            found.add("loss weight")
    found.update("optimizer %s %s" % (net.optimizer, name) for name in net.optimizer_args)
    found.add("optimizer " + net.optimizer)
    found.add("outputs %s" % (1 if len(net.outputs) == 1 else "n"))
    found.add("inputs %s" % (1 if len(net.inputs()) == 1 else "n"))
    found.add("batch %s" % ("short" if net.short else 1 if net.batch == 1 else "n"))
    if net.weighted:
        found.add("sample weights")
    return found


def table():
    """The cells that 40 networks must reach, those that 300 must reach, and why others are left out."""
    parts, left_out = [[], []], {}
    at = parts[0]
    with open(TABLE) as f:
        for line in map(str.strip, f):
            if line.startswith("- "):
                cell, _, reason = line[2:].partition(": ")
                left_out[cell] = reason
            elif line == "# 300":
                at = parts[1]
            elif line and not line.startswith("#"):
                at.append(line)
    return parts[0], parts[1], left_out


def _rows(file, macro):
    with open(os.path.join(DEFINITIONS, file)) as f:
        return re.findall(r'^%s\((\w+), "(\w+)"(.*)\)' % macro, f.read(), re.M)


def unknown(listed):
    """What the compiler's tables or `lathe layers` have and the table of cells does not mention."""
    few, many, left_out = table()
    mentioned = {*few, *many, *left_out}
    need = ["op " + text for _, text, rest in _rows("ops.def", "OP") if not rest.endswith("NONE")]
    need += ["op unary act=" + text for _, text, _ in _rows("unary.def", "UNARY")]
    need += ["op binary function=" + text for _, text, _ in _rows("binary.def", "BINARY")]
    need += ["op reduce reduction=" + text for _, text, _ in _rows("reduction.def", "REDUCTION")]
    for line in listed.splitlines():
        kind, _, rest = line.partition("keras.")[2].partition(".")
        name = re.split(r"[( ]", rest)[0]
        if " = " in line or name == "*":
            continue
        if kind == "layers" and name != "Input":
            need.append("layer " + name)
            need += ["layer %s %s" % (name, a) for a in _arguments(rest)]
        elif kind == "ops":
            need.append("call ops." + name)
        elif kind == "activations":
            need.append("layer Activation activation=" + name)
    return [n for n in need if n not in mentioned and " ".join(n.split()[:2]) not in left_out]


def _arguments(text):
    """Those of a layer that mean something and may have several values."""
    inside = text.partition("(")[2].rpartition(")")[0]
    return [a for a in re.split(r", ", inside) if a and "=" not in a and "initializer" not in a]


class Matrix:
    """How many networks had each cell."""

    def __init__(self):
        self.few, self.many, _ = table()
        self.count = collections.Counter()

    def add(self, found):
        self.count.update(found)

    def new(self, found):
        """What a network with these cells would add; first those that few networks must reach."""
        empty = {cell for cell in found if not self.count[cell]}
        return 1000 * len(empty.intersection(self.few)) + len(empty.intersection(self.many))

    def empty(self, networks):
        """The cells that so many networks should have reached."""
        wanted = (self.few if networks >= FEW else []) + (self.many if networks >= MANY else [])
        return [cell for cell in wanted if not self.count[cell]]

    def text(self):
        """A line an operation, layer or kernel: its cells with how many networks had them."""
        lines = {}
        for cell in sorted(self.few + self.many):
            words = cell.split(" ", 2)
            lines.setdefault(" ".join(words[:2]), []).append(
                "%s %d" % (words[2] if len(words) > 2 else "", self.count[cell]))
        return "\n".join("%-36s %s" % (row, ", ".join(c.strip() for c in found)) for row, found in lines.items())
