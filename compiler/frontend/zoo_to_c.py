#!/usr/bin/env python3
"""Writes the scripts of the built-in networks as C: their lines, and a table with a row for each
network, which is a function without parameters of its script (not one of a name like _helper):

    zoo_to_c.py FOLDER OUTPUT."""

import ast
import sys
from pathlib import Path


def members(text):
    return [node.name for node in ast.parse(text).body
            if isinstance(node, ast.FunctionDef) and not node.args.args and node.name[0] != "_"]


def main():
    folder, target = sys.argv[1:3]
    out, rows = [], []
    for path in sorted(Path(folder).glob("*.py")):
        text = path.read_text()
        lines = [line.replace("\\", "\\\\").replace('"', '\\"') for line in text.splitlines()]
        out.append(f"static const char *const script_{path.stem}[] = {{")
        out += [f'    "{line}",' for line in lines]
        out.append("    0,\n};\n")
        rows += [f'    {{"{name}", "{path.name}", script_{path.stem}}},' for name in members(text)]
    out += ["static const ZooMember zoo_members[] = {", *rows, "    {0, 0, 0},\n};\n"]
    Path(target).write_text("\n".join(out))


if __name__ == "__main__":
    main()
