"""The program interpreted.c: lathe's interpreter on many models in one process."""
import os
import subprocess

import numpy as np


class Interpreted:
    """One line a run; INTERPRETED names the program."""

    def __init__(self):
        self.start()

    def start(self):
        self.process = subprocess.Popen([os.environ["INTERPRETED"]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, *words):
        """An AssertionError with what the program says, or that it ended; then another one is started."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            self.process.wait()
            self.start()
        if answer != "ok":
            raise AssertionError("lathe: %s" % (answer or "the interpreter ended"))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def tensors(path):
    """name -> array of what a run wrote."""
    found = {}
    with open(path, "rb") as f:
        while True:
            name = f.readline().decode().rstrip("\n")
            if not name:
                return found
            found[name] = np.frombuffer(f.read(8 * int(f.readline())))
