"""What bench/ takes from modules of this project is there: nobody runs the benchmarks in ./check, so a
name that changed would show only there. bench_names.py SOURCE"""
import ast
import glob
import os
import sys

FOLDERS = "bench", "tests/oracle"


def read(path):
    with open(path) as f:
        return f.read()


def modules(source):
    """Name and syntax tree of every module, and of the programs in bench/."""
    found = {}
    for folder in FOLDERS:
        for path in glob.glob(os.path.join(source, folder, "*")):
            name, ending = os.path.splitext(os.path.basename(path))
            if ending == ".py" or (os.path.isfile(path) and not ending and "python3" in read(path).split("\n")[0]):
                found[name] = ast.parse(read(path), path)
    return found


def defined(tree):
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def taken(tree, names):
    """Pairs of module and name that the tree takes from modules among `names`."""
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases.update((alias.asname or alias.name, alias.name) for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module in names:
            yield from ((node.module, alias.name) for alias in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield aliases[node.value.id], node.attr


def main():
    found = modules(sys.argv[1])
    assert len(found) > 20, found.keys()
    missing = {(user, module, name) for user, tree in found.items() for module, name in taken(tree, found)
               if name not in defined(found[module])}
    for row in sorted(missing):
        print("%s takes %s.%s, which is not there" % row)
    return 1 if missing else 0


sys.exit(main())
