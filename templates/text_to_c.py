#!/usr/bin/env python3
"""Writes a text file as an array of C strings, one a line, ended by a null pointer:

    text_to_c.py NAME INPUT OUTPUT."""

import sys
from pathlib import Path


def main():
    name, source, target = sys.argv[1:4]
    lines = Path(source).read_text().splitlines()
    body = "\n".join('    "' + line.replace("\\", "\\\\").replace('"', '\\"') + '",' for line in lines)
    Path(target).write_text(f"static const char *const {name}[] = {{\n{body}\n    0,\n}};\n")


if __name__ == "__main__":
    main()
