"""What MkDocs does not do by itself for this site: pages that lie beside the sources they describe, and
text that lathe prints itself, so that it cannot be out of date. In a page

    <!-- help: compile -->          is what `lathe compile --help` prints
    <!-- commands -->               the list of subcommands
    <!-- layers: keras.layers -->   a table of what `lathe layers` lists under this module
    <!-- onnx operators -->         the same of `lathe layers --onnx`

LATHE names the command (default: build/lathe/lathe)."""

import functools
import os
import posixpath
import re
import subprocess
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("bench", "compiler", "python", "runtime", "templates")
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
PLACE = re.compile(r"<!-- (help|commands|layers|onnx operators)(?:: (\S+))? -->")


# ---- pages


def find_sources():
    """Where in the sources the pages outside of docs/ are, by their place in the site."""
    pages = {"index.md": "README.md", "CHANGELOG.md": "CHANGELOG.md"}
    readmes = [ROOT / folder / "README.md" for folder in FOLDERS] + sorted(ROOT.glob("examples/*/README.md"))
    for path in readmes:
        name = path.relative_to(ROOT).as_posix()
        pages[name] = name
    return pages


SOURCES = find_sources()


def source_of(uri):
    return SOURCES.get(uri, "docs/" + uri)


def title(path):
    return path.read_text().split("\n", 1)[0].lstrip("# ")


def on_config(config):
    for entry in config.nav:
        if "Commands" in entry:
            entry["Commands"] = [{"All": "commands/index.md"}]
            entry["Commands"] += [{f"lathe {name}": f"commands/{name}.md"} for name in command_names()]
        if "Examples" in entry:
            paths = sorted(ROOT.glob("examples/*/README.md"))
            entry["Examples"] = [{title(p): p.relative_to(ROOT).as_posix()} for p in paths]
    return config


def on_files(files, config):
    for uri, source in SOURCES.items():
        files.append(File.generated(config, uri, content=(ROOT / source).read_text()))
    return files


# ---- what lathe prints


@functools.cache
def lathe(*words):
    command = os.environ.get("LATHE", str(ROOT / "build/lathe/lathe"))
    try:
        return subprocess.run([command, *words], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as e:
        raise PluginError(f"{command} {' '.join(words)}: {e}") from e


def command_lines():
    return re.findall(r"^  (\w+) +(.*)$", lathe("--help"), re.M)


def command_names():
    return [name for name, _ in command_lines()]


def fenced(text):
    return f"```text\n{text.rstrip()}\n```"


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def argument(text):
    """How the table shows one argument of `lathe layers`: what it takes, or that it means nothing."""
    name, _, only = text.partition("=")
    if only == "any":
        return f"({name})"
    return f"{name} = {' or '.join(only.split('|'))}" if only else name


def layer_row(line):
    name, arguments, rest = re.fullmatch(r"([\w.*]+)(?:\((.*?)\))?(?= |$)(.*)", line).groups()
    shown = ", ".join(map(argument, arguments.split(", "))) if arguments else ""
    if rest.startswith(" = "):
        shown = f"as {rest[3:]}"
        rest = ""
    return name.rsplit(".", 1)[0], [f"`{name.rsplit('.', 1)[1]}`", shown, rest.strip()]


def layer_table(module):
    rows = [row for place, row in map(layer_row, lathe("layers").splitlines()) if place == module]
    if not rows:
        raise PluginError(f"lathe layers lists nothing under {module}")
    heads = ["name", "arguments", "as a text"]
    keep = [i for i in range(3) if i == 0 or any(row[i] for row in rows)]
    if keep == [0]:
        return ", ".join(row[0] for row in rows)
    return table([heads[i] for i in keep], [[row[i] for i in keep] for row in rows])


def operator_table():
    return table(["operator", ""], [line.split(": ", 1) for line in lathe("layers", "--onnx").splitlines()])


def printed(match):
    what, name = match.groups()
    if what == "help":
        return fenced(lathe(name, "--help"))
    if what == "commands":
        return table(["subcommand", "job"], [[f"[`lathe {name}`]({name}.md)", line] for name, line in command_lines()])
    return layer_table(name) if what == "layers" else operator_table()


# ---- links


def site_link(uri, target):
    """The target of a link of page `uri`, as the site has it; None for a file that is no page of it."""
    path, hash, anchor = target.partition("#")
    source = posixpath.normpath(posixpath.join(posixpath.dirname(source_of(uri)), path))
    if not (ROOT / source).exists():
        raise PluginError(f"{source_of(uri)}: there is no {source}")
    if (ROOT / source).is_dir():
        source += "/README.md"
    here = next((u for u, s in SOURCES.items() if s == source), None)
    if here is None and source.startswith("docs/"):
        here = source[len("docs/") :]
    return here and posixpath.relpath(here, posixpath.dirname(uri)) + hash + anchor


def on_page_markdown(markdown, page, config, files):
    uri = page.file.src_uri

    def replace(match):
        text, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match.group()
        link = site_link(uri, target)
        return f"[{text}]({link})" if link else text

    parts = re.split(r"(^```.*?^```$|`[^`\n]+`(?!\]))", markdown, flags=re.S | re.M)
    markdown = "".join(p if p.startswith("`") else LINK.sub(replace, p) for p in parts)
    return PLACE.sub(printed, markdown)
