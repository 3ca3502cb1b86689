"""Systems that take turns: each lives in a process of its own, is warmed up, and waits; blocks of work
alternate, so that all meet the same machine.

A worker's process calls `serve`; the measuring one holds a `Worker` for each and calls `take_turns`.
"""
import json
import os
import subprocess
import sys
import time
import traceback

PAUSE = 0.25  # seconds between blocks: threads of the last system that wait by spinning go to sleep


# ---- the worker's side -------------------------------------------------------------------------

def serve(prepare):
    """prepare() gives what the system says of itself (a dictionary) and a function that runs one block;
    its result, and at last the process's memory, go to the measuring process as JSON. A function that has
    another process do the work has `memory`, which gives that process's."""
    try:
        about, block = prepare()
        say("ready", about)
        for _ in sys.stdin:
            say("took", block())
        say("memory", getattr(block, "memory", resident)())
    except Exception as error:
        traceback.print_exc()
        say("failed", "%s: %s" % (type(error).__name__, str(error).split("\n")[0][:200]))


def say(word, value):
    print(word, json.dumps(value), flush=True)


def resident(process="self"):
    """Bytes of memory that a process holds now, and held at most; nothing of one that has ended."""
    with open("/proc/%s/status" % process) as f:
        fields = dict(line.split(":", 1) for line in f)
    if "VmHWM" not in fields:
        return {}
    return {"now": 1024 * int(fields["VmRSS"].split()[0]), "most": 1024 * int(fields["VmHWM"].split()[0])}


def hold_to_cores(count):
    """The first `count` of the cores that the process may use."""
    cores = sorted(os.sched_getaffinity(0))
    if count > len(cores):
        raise ValueError("%d threads on %d cores" % (count, len(cores)))
    os.sched_setaffinity(0, cores[:count])


# ---- the measuring side ------------------------------------------------------------------------

class Worker:
    def __init__(self, system, command, log, environment):
        self.system, self.blocks, self.about, self.memory, self.failure = system, [], {}, {}, None
        os.makedirs(os.path.dirname(log), exist_ok=True)
        with open(log, "w") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            text=True, env={**os.environ, **environment})
        self.log = log
        self.about = self.answer("ready") or {}

    def answer(self, word):
        """What the process says after this word; None if it failed or ended."""
        if self.failure:
            return None
        for line in self.process.stdout:
            first, _, rest = line.partition(" ")
            if first == word:
                return json.loads(rest)
            if first == "failed":
                self.failure = json.loads(rest)
                return None
        self.failure = "ended with status %s, see %s" % (self.process.wait(), os.path.relpath(self.log))
        return None

    def run_block(self):
        if self.failure:
            return
        try:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: there is no answer
        result = self.answer("took")
        if result is not None:
            self.blocks.append(result)

    def stop(self):
        """Ends the process, which then says how much memory it took."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.memory = self.answer("memory") or {}
        self.process.stdout.close()
        self.process.wait()


def take_turns(workers, rounds):
    """Blocks of all in turn; each round begins with another one."""
    for i in range(rounds):
        for k in range(len(workers)):
            workers[(i + k) % len(workers)].run_block()
            time.sleep(PAUSE)
    for worker in workers:
        worker.stop()
