#!/usr/bin/env python3
"""Builds the site and follows its links: site.py SOURCE SITE. MkDocs is strict about links between pages; this
looks at what it made: every link of every page, anchors too, and that nothing is loaded from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class PageParser(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loads = {"", "#"}, [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.update(v for v in (attrs.get("id"), attrs.get("name")) if v)
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if attrs.get(LOADS.get(tag)):
            self.loads.append(attrs[LOADS[tag]])


def check_link(site, pages, page, link):
    parts = urlsplit(link)
    if parts.scheme in ("http", "https"):
        return ""
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "leads nowhere"
    if target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return "has no such anchor"
    return ""


def check_pages(site):
    pages = {path: PageParser(path) for path in site.rglob("*.html") if path.name != "404.html"}
    complaints = []
    for page, parsed in pages.items():
        name = page.relative_to(site)
        complaints += [f"{name}: {link} {why}" for link in parsed.links if (why := check_link(site, pages, page, link))]
        complaints += [f"{name}: loads {load}" for load in parsed.loads if re.match(r"(https?:)?//", load)]
        complaints += [f"{name}: {load} is not there" for load in parsed.loads if check_link(site, {}, page, load)]
    for sheet in site.rglob("*.css"):
        complaints += [f"{sheet.name}: loads {u}" for u in re.findall(r"url\(['\"]?((?:https?:)?//[^)'\"]+)", sheet.read_text())]
    return pages, complaints


def main():
    source, site = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(site)], cwd=source, check=True)
    pages, complaints = check_pages(site)
    links = sum(len(p.links) for p in pages.values())
    commands = subprocess.run([os.environ["LATHE"], "--help"], capture_output=True, text=True, check=True).stdout
    for name in re.findall(r"^  (\w+) ", commands, re.M):
        if not (site / f"commands/{name}.html").exists():
            complaints.append(f"lathe {name} has no page in docs/commands/")
    print(f"{len(pages)} pages, {links} links")
    print("\n".join(complaints), file=sys.stderr)
    sys.exit(1 if complaints or len(pages) < 30 or links < 500 else 0)


if __name__ == "__main__":
    main()
