"""Headless Chromium, driven through its DevTools protocol on a pipe: nothing to install, no port."""
import base64
import fcntl
import itertools
import json
import os
import select
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import chromium  # noqa: E402

SECONDS = 120  # for the answer to one command
# Chromium reads commands from descriptor 3 and answers on 4.
START = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"


def pipe():
    """Its ends, above the descriptors that Chromium uses."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high


class Page:
    """One page of its own; `console` collects all that goes wrong in it."""

    def __init__(self, folder, url, width=900, height=760):
        commands, self.send = pipe()
        self.receive, answers = pipe()
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "chromium.log"), "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, str(commands), str(answers), *chromium.command(os.path.join(folder, "profile")),
                 "--remote-debugging-pipe", "--window-size=%d,%d" % (width, height), "about:blank"],
                pass_fds=(commands, answers), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(commands)
        os.close(answers)
        self.ids, self.read, self.console, self.loaded, self.session = itertools.count(1), b"", [], False, None
        self.open(url)

    def open(self, url):
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.command(domain + ".enable")
        self.loaded = False
        self.command("Page.navigate", url=url)
        while not self.loaded:
            self.event(self.message())

    def message(self):
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self.read:
            if not select.select([self.receive], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError("chromium does not answer")
            more = os.read(self.receive, 1 << 16)
            if not more:
                raise AssertionError("chromium has ended")
            self.read += more
        text, self.read = self.read.split(b"\0", 1)
        return json.loads(text)

    def event(self, message):
        method, params = message.get("method"), message.get("params")
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown" or method == "Log.entryAdded" or method == "Runtime.consoleAPICalled":
            self.console.append(json.dumps(params))

    def command(self, method, **params):
        number = next(self.ids)
        text = {"id": number, "method": method, "params": params}
        if self.session:
            text["sessionId"] = self.session
        data = json.dumps(text).encode() + b"\0"
        while data:
            data = data[os.write(self.send, data):]
        while True:
            message = self.message()
            if message.get("id") == number:
                if "error" in message:
                    raise AssertionError("%s: %s" % (method, message["error"]["message"]))
                return message["result"]
            self.event(message)

    def evaluate(self, expression):
        """The value of an expression, or of the promise that it gives."""
        result = self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")

    def mouse(self, kind, x, y, buttons):
        self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left" if buttons or kind != "mouseMoved" else "none",
                     buttons=buttons, clickCount=1)

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait()
        os.close(self.send)
        os.close(self.receive)
