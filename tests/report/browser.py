"""A page in headless Chromium, and its elements."""
import html.parser
import shutil
import subprocess


def chromium(profile, *options):
    """Its DOM or nothing on stdout, and its log."""
    command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not command:
        raise AssertionError("chromium is missing: ./check installs it")
    return subprocess.run([command, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                           "--user-data-dir=" + profile, "--enable-logging=stderr", "--hide-scrollbars",
                           "--virtual-time-budget=20000", *options],
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
