#!/usr/bin/env python3
"""Writes the manual page and the bash completion of lathe from what its --help prints:

    describe_command.py LATHE MANUAL COMPLETION"""

import re
import subprocess
import sys
from pathlib import Path

OPTION = re.compile(r"  (?:(-\w), )?(--[\w-]+)(?: (\S+))?(?: +(.*))?$")


class Option:
    def __init__(self, letter, name, value, text):
        self.letter, self.name, self.value, self.text = letter, name, value, text or ""

    def spellings(self):
        return [s for s in (self.letter, self.name) if s]


class Command:
    """A subcommand: usage, what it does, options."""

    def __init__(self, name, text):
        usage, self.about, table = re.fullmatch(r"usage: (.*?)\n\n(.*?)\n\noptions:\n(.*)", text, re.S).groups()
        self.name, self.arguments = name, usage.removeprefix(f"lathe {name} ")
        self.options = []
        for line in table.splitlines():
            match = OPTION.match(line)
            if match:
                self.options.append(Option(*match.groups()))
            elif line.startswith("     ") and self.options:
                self.options[-1].text += " " + line.strip()
            else:
                raise ValueError(f"lathe {name} --help: no option in {line!r}")


def printed(lathe, *words):
    return subprocess.run([lathe, *words], check=True, capture_output=True, text=True).stdout


def read_commands(lathe):
    """The closing paragraph of lathe --help, and all subcommands with their line of it."""
    text = printed(lathe, "--help")
    names = re.findall(r"^  (\w+) +(.*)$", text, re.M)
    return text.rstrip().split("\n\n")[-1], [(Command(n, printed(lathe, n, "--help")), line) for n, line in names]


# ---- the manual page


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\n".join("\\&" + line if line[:1] == "." else line for line in text.splitlines())


def manual_option(o):
    value = f" \\fI{roff(o.value)}\\fR" if o.value else ""
    return ".TP\n" + ", ".join(f"\\fB{roff(s)}\\fR" for s in o.spellings()) + f"{value}\n{roff(o.text.strip())}\n"


def manual(version, closing, commands):
    text = f'.TH LATHE 1 "" "{version}" "User Commands"\n'
    text += ".SH NAME\nlathe \\- turns a neural network into C\n"
    text += ".SH SYNOPSIS\n.B lathe\n.I SUBCOMMAND\n.RI [ arguments ]\n"
    text += ".SH DESCRIPTION\nlathe writes standalone C that is specialised for one network,\n"
    text += "for inference and for all of training.\n" + roff(closing) + "\n"
    for command, line in commands:
        text += f".TP\n.B lathe {command.name}\n{roff(line)}\n"
    for command, _ in commands:
        text += f".SH LATHE {command.name.upper()}\n.B lathe {command.name}\n{roff(command.arguments)}\n"
        text += ".PP\n" + roff(command.about) + "\n"
        text += "".join(manual_option(o) for o in command.options)
    text += ".SH EXIT STATUS\n0, or 1 after a message that says what is wrong.\n"
    text += ".SH ENVIRONMENT\n.TP\n.B CC\nthe C compiler of train, evaluate, predict, bench and tune"
    text += " (default: cc, gcc or clang)\n.TP\n.B TMPDIR\nwhere they compile (default: /tmp)\n"
    return text


# ---- the completion


def completion(commands):
    cases, valued = "", set()
    for command, _ in commands:
        words = " ".join(s for o in command.options for s in o.spellings())
        cases += f"    {command.name}) words='{words}' ;;\n"
        valued.update(s for o in command.options if is_plain(o) for s in o.spellings())
    names = " ".join(command.name for command, _ in commands)
    return f"""# bash completion of lathe
_lathe() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} words
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W '{names} --help --version' -- "$word"))
    return
  fi
  case ${{COMP_WORDS[COMP_CWORD - 1]}} in
    {" | ".join(sorted(valued))}) return ;; # a number or a name: nothing to offer
  esac
  case ${{COMP_WORDS[1]}} in
{cases}  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *) compopt -o default ;; # files
  esac
}}
complete -F _lathe lathe
"""


def is_plain(option):
    """Whether the option takes a value that is no file."""
    return option.value is not None and not re.search("FILE|PATH", option.value)


def main():
    lathe, page, shell = sys.argv[1:4]
    closing, commands = read_commands(lathe)
    Path(page).write_text(manual(printed(lathe, "--version").strip(), closing, commands))
    Path(shell).write_text(completion(commands))


if __name__ == "__main__":
    main()
