#!/usr/bin/env python3
"""Whether the files and functions that the documentation names are there: names.py SOURCE. On every page a
file is a path in backquotes that begins with a folder of the sources; on the pages about the sources also a
bare `name.c`, and `name()` is a function. * stands for anything, a word in capitals for a name to choose."""

import re
import sys
from pathlib import Path

from pages import find_pages, read_page

ABOUT_SOURCES = ("docs/how-it-works.md", "docs/extending.md", "docs/networks.md", "compiler/README.md", "templates/README.md", "runtime/README.md")
FOLDERS = ("bench", "cmake", "compiler", "docs", "examples", "python", "runtime", "templates", "tests")
PATH = re.compile(r"(?:[\w.*-]+/)+[\w.*-]*")
NAME = re.compile(r"[\w*-]+\.(?:c|h|py|def|toml|txt|in|sh|ir)")
CAPITALS = re.compile(r"(?<![A-Za-z])[A-Z]{3,}(?![a-z])(?!\.md)")


class Names:
    def __init__(self, source):
        self.source = source
        self.files, self.functions = set(), set()
        for folder in FOLDERS:
            for path in (source / folder).rglob("*"):
                self.files.add(path.name)
                if path.suffix in (".c", ".h", ".def", ".py"):
                    self.functions.update(re.findall(r"\b(\w+)\(", path.read_text(errors="replace")))

    def has_path(self, page, path):
        bases = [self.source, (self.source / page).parent, self.source / "compiler"]
        return any(any(base.glob(path.rstrip("/"))) for base in bases)

    def missing(self, page, text):
        """What is wrong with a text in backquotes; "" if nothing is, None if it names nothing."""
        about = page in ABOUT_SOURCES
        function = re.fullmatch(r"(\w+)\(\)", text)
        if function and about:
            return "" if function.group(1) in self.functions else f"no function {text}"
        if CAPITALS.search(text):
            return None
        if PATH.fullmatch(text) and (about or text.split("/")[0] in FOLDERS):
            return "" if self.has_path(page, text) else f"no file {text}"
        if NAME.fullmatch(text) and about and "*" not in text:
            return "" if text in self.files else f"no file {text}"
        return None


def main():
    source = Path(sys.argv[1])
    names, found, complaints = Names(source), 0, []
    for page in find_pages(source):
        made = {step.name for step in read_page(source, page).steps}
        text = re.sub(r"^```.*?^```$", "", (source / page).read_text(), flags=re.S | re.M)
        for token in re.findall(r"`([^`\n]+)`", text):
            missing = None if token in made else names.missing(page, token)
            found += missing is not None
            if missing:
                complaints.append(f"{page}: {missing}")
    print(f"{found} files and functions are named")
    print("\n".join(complaints), file=sys.stderr)
    sys.exit(1 if complaints or found < 120 else 0)


if __name__ == "__main__":
    main()
