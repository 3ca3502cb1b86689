"""The pages of the documentation, taken apart.

A page is made of steps, in its order:
  ```sh           commands, run by one shell
  ```console      lines that begin with "$ " are commands, the others what they print; "..." stands
                  for anything
  `NAME`:         at the end of the line in front of a fenced block: the block is this file
and of comments, which readers do not see:
  <!-- not run: WHY -->           the next block's commands are not run
  <!-- page not run: WHY -->      no command of this page is
  <!-- needs: WHAT -->            the next step runs where this program, or path with a / ($VARIABLES too), is there
  <!-- before: COMMANDS -->       commands that the page needs but does not show
  <!-- begins after: PAGE -->     the page goes on where another one ended"""

import re
from dataclasses import dataclass, field
from pathlib import Path

COMMENT = re.compile(r"<!-- (not run|page not run|needs|before|begins after):\s*(.*?)\s*-->", re.S)
FILE = re.compile(r"`([^`\s]+)`:$")
# what an indented block or one without language may not hold: a command that nobody would run
COMMAND = re.compile(r"(\$ |lathe [a-z]|bench/|cc -|cmake -|make |python3? |pip |\./)")


@dataclass
class Step:
    kind: str  # "sh", "console", "before" or "file"
    line: int
    text: str
    name: str = ""  # of a file
    not_run: str = None
    needs: list = field(default_factory=list)


@dataclass
class Page:
    path: str
    steps: list = field(default_factory=list)
    not_run: str = None
    after: str = None
    complaints: list = field(default_factory=list)


def find_pages(source):
    """README.md first, then docs/, then the others; by name."""
    paths = [source / "README.md", *sorted((source / "docs").rglob("*.md")), *sorted(source.glob("examples/**/README.md"))]
    paths += [source / folder / "README.md" for folder in ("bench", "compiler", "python", "runtime", "templates")]
    return [str(p.relative_to(source)) for p in paths]


class Reader:
    def __init__(self, source, path):
        self.page = Page(path)
        self.lines = (Path(source) / path).read_text().split("\n")
        self.at = 0
        self.not_run, self.needs, self.before = None, [], ""  # for the next block; the line before it

    def complain(self, text):
        self.page.complaints.append(f"{self.page.path}:{self.at + 1}: {text}")

    def add(self, kind, line, text, name=""):
        self.page.steps.append(Step(kind, line, text, name, self.not_run, self.needs))
        self.not_run, self.needs = None, []

    def comment(self):
        start = self.at
        while "-->" not in self.lines[self.at] and self.at + 1 < len(self.lines):
            self.at += 1
        match = COMMENT.fullmatch("\n".join(self.lines[start : self.at + 1]).strip())
        if not match:
            return
        what, text = match.groups()
        if not text:
            self.complain(f"'{what}' without a reason")
        elif what == "not run":
            self.not_run = text
        elif what == "page not run":
            self.page.not_run = text
        elif what == "needs":
            self.needs.append(text)
        elif what == "before":
            self.add("before", start + 1, text)
        else:
            self.page.after = text

    def block(self):
        start = self.at
        language = self.lines[start].strip()[3:]
        while self.at + 1 < len(self.lines) and self.lines[self.at + 1].strip() != "```":
            self.at += 1
        text = "\n".join(self.lines[start + 1 : self.at + 1])
        self.at += 1
        file = FILE.search(self.before)
        if language in ("sh", "console"):
            self.add(language, start + 1, text)
        elif file:
            self.add("file", start + 1, text + "\n", file.group(1))
        elif not language and any(COMMAND.match(line) for line in text.split("\n")):
            self.complain("a block without a language that shows a command: ```sh or ```console?")

    def read(self):
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith("<!--"):
                self.comment()
            elif line.startswith("```"):
                self.block()
                self.before = ""
            elif line.startswith("    ") and COMMAND.match(line[4:]) and not self.page.not_run:
                self.complain("an indented command: ```sh or ```console?")
            elif line.strip():
                self.before = line
            self.at += 1
        return self.page


def read_page(source, path):
    return Reader(source, path).read()
