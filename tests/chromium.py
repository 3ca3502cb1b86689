"""How the tests start headless Chromium."""
import shutil


def command(profile):
    """The words of the command; what it keeps goes to the folder `profile`."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        raise AssertionError("chromium is missing: ./check installs it")
    return [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--user-data-dir=" + profile]
