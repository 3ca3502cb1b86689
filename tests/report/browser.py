"""A page in headless Chromium, and its elements."""
import html.parser
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from chromium import command  # noqa: E402


def chromium(profile, *options):
    """Its DOM or nothing on stdout, and its log."""
    return subprocess.run([*command(profile), "--enable-logging=stderr", "--virtual-time-budget=20000", *options],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=180, check=True)


def console(log):
    return [line for line in log.splitlines() if "CONSOLE" in line]


class Elements(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, tag):
        return [attrs for name, attrs in self.found if name == tag]
