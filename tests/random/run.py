"""Random networks against Keras: draws networks, compares generated C and interpreter with Keras on each
(agree.py), and prints the matrix of what they reached; an empty cell fails (cells.py).

    run.py                   40 networks: of several candidates each, the one that fills most empty cells
    run.py --count 300 --seed 7
    run.py --any --count 1000 --seed 3 [--skip 200]
                             networks as they are drawn, none chosen; without the first 200 of them
    run.py --only 123 456    these networks again; --kernels K: with other kernels
    run.py --any --unlike L  only networks for which the lathe at L writes other C

A network that fails is made smaller while it fails in the same way, and printed as a Keras script. Environment:
LATHE and INTERPRETED name the programs, CC the C compiler, RANDOM_FLAGS its options (default: -O0: other options
give the same bits, which other tests show), ORACLE_FOLDER where files are made.
"""
import argparse
import gc
import os
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "oracle")]

import agree
import cells
import draw
import found
import interpreted
import lathe_abi
import reduce
import unlike

CANDIDATES = 16  # for each network, where cells are empty
MOST_LEFT_OUT = 0.05  # of the networks: more would hide something
KERNELS = 6  # so many successive seeds give each layer all its kernels


class Run:
    def __init__(self, folder, seconds):
        self.folder, self.seconds = folder, seconds
        self.interpreter = interpreted.Interpreted()
        self.matrix = cells.Matrix()
        self.agreed = self.left_out = self.compared = self.by_keras = self.smaller = 0
        self.failed = []

    def cells_of(self, net):
        """None where lathe refuses the network: the comparison will say why."""
        script, out = os.path.join(self.folder, "cells.py"), os.path.join(self.folder, "cells.out")
        with open(script, "w") as f:
            f.write(net.script())
        try:
            self.interpreter.run("cells", script, net.kernels, net.batch, out)
        except AssertionError:
            return None
        with open(out) as f:
            return cells.of(net, f.read())

    def choose(self, seeds):
        """The network that fills most empty cells, with the kernels that do; one that lathe refuses before
        all others."""
        nets = [draw.draw(seed) for seed in seeds]
        for choices in (lambda net: [net], self.with_kernels):
            found = [(net, self.cells_of(net)) for drawn in nets for net in choices(drawn)]
            refused = [net for net, made in found if made is None]
            if refused:
                return refused[0]
            nets = [max(found, key=lambda pair: self.matrix.new(pair[1]))[0]]
        return nets[0]

    def with_kernels(self, net):
        """The network with each choice of kernels."""
        made = [net.copy() for _ in range(KERNELS)]
        for i, other in enumerate(made):
            other.kernels = i
        return made

    def alike(self, net, lathe):
        return unlike.alike(net, os.path.join(self.folder, "alike"), os.environ["LATHE"], lathe)

    def check(self, net):
        start = time.time()
        try:
            done = agree.check(net, os.path.join(self.folder, str(net.seed)), self.interpreter)
        except agree.Disagreement as e:
            return self.fail(net, e)
        except agree.NotFinite as e:
            self.left_out += 1
            print("network %d left out: Keras's numbers are not finite: %s" % (net.seed, e), flush=True)
            return
        self.agreed += 1
        self.compared += done.compared
        self.by_keras += done.by_keras
        self.matrix.add(self.cells_of(net))
        print("network %d: %d calls, %d tensors agree (%d as Keras in float32), %.1f s" % (
            net.seed, len(net.calls), done.compared, done.by_keras, time.time() - start), flush=True)

    def check_found(self):
        """The networks that once failed."""
        for name, net in found.FOUND.items():
            try:
                agree.check(net, os.path.join(self.folder, name), self.interpreter)
                print("%s: agrees" % name, flush=True)
            except agree.Disagreement as e:
                self.failed.append(name)
                print("%s FAILED again: %s" % (name, e), flush=True)

    def fail(self, net, error):
        self.failed.append(net.seed)
        print("network %d FAILED: %s" % (net.seed, error), flush=True)
        if self.seconds:
            net = reduce.reduce(net, lambda smaller: self.fails(smaller, error.stage), self.seconds)
        print("\n# the smallest that fails in the same way; batch %d, %d samples%s\n%s# again: run.py --only %d --kernels %d\n" % (
            net.batch, net.batch - net.short, ", weighted" if net.weighted else "", net.script(), net.seed,
            net.kernels), flush=True)

    def fails(self, net, stage):
        self.smaller += 1  # a folder each: a library of the same name would be the one that is loaded already
        try:
            agree.check(net, os.path.join(self.folder, "smaller%d" % self.smaller), self.interpreter)
        except agree.Disagreement as e:
            return e.stage == stage
        except Exception:  # whatever Keras says of a network that is none
            return False
        return False

    def report(self, networks):
        """True if all is well with so many chosen networks, which must have reached cells."""
        print("\n%s\n" % self.matrix.text())
        print("%d networks agreed, %d failed, %d left out; %d tensors, %d of them (%.2f %%) only as well as Keras in float32" % (
            self.agreed, len(self.failed), self.left_out, self.compared, self.by_keras,
            100 * self.by_keras / max(self.compared, 1)))
        empty = self.matrix.empty(networks)
        for cell in empty:
            print("no network had: %s" % cell)
        if self.failed:
            print("failed: %s" % " ".join(map(str, self.failed)))
        return not empty and not self.failed and self.left_out <= MOST_LEFT_OUT * (self.agreed + self.left_out)


def seeds_for(first, count, candidates):
    """The candidates of each network."""
    for i in range(count):
        yield range(first * 1000000 + i * candidates, first * 1000000 + (i + 1) * candidates)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--any", action="store_true", help="choose no networks; empty cells are no failure")
    parser.add_argument("--skip", type=int, default=0, metavar="COUNT", help="with --any: the first so many")
    parser.add_argument("--only", type=int, nargs="+", metavar="SEED", help="these networks alone")
    parser.add_argument("--kernels", type=int, help="of --only")
    parser.add_argument("--reduce", type=int, default=reduce.SECONDS, metavar="SECONDS", help="0: print as drawn")
    parser.add_argument("--first", action="store_true", help="stop at the first that fails")
    parser.add_argument("--unlike", metavar="LATHE", help="pass over networks for which this one writes the same")
    parser.add_argument("--print", action="store_true", help="print the networks of --only, compare nothing")
    o = parser.parse_args()
    if o.print:
        print(*(draw.draw(seed).script() for seed in o.only), sep="\n")
        return 0
    with tempfile.TemporaryDirectory(dir=os.environ["ORACLE_FOLDER"]) as folder:
        run = Run(folder, o.reduce)
        missing = cells.unknown(lathe_abi.lathe("layers"))
        if missing:
            print("cells.txt does not mention: %s" % ", ".join(missing))
            return 1
        if o.only:
            for net in map(draw.draw, o.only):
                net.kernels = net.kernels if o.kernels is None else o.kernels
                run.check(net)
            return bool(run.failed)
        gc.freeze()  # Keras collects garbage before each network: not among what was imported
        if not o.any:
            run.check_found()
        for seeds in list(seeds_for(o.seed, o.count, 1 if o.any else CANDIDATES))[o.skip:]:
            net = draw.draw(seeds[0]) if o.any or not run.matrix.empty(cells.MANY) else run.choose(seeds)
            if o.unlike and run.alike(net, o.unlike):
                continue
            try:
                run.check(net)
            except Exception:
                print("network %d could not be compared\n%s%s" % (net.seed, net.script(), traceback.format_exc()), flush=True)
                run.failed.append(net.seed)
            if o.first and run.failed:
                return 1
        run.interpreter.close()
        return not run.report(0 if o.any else o.count)


if __name__ == "__main__":
    sys.exit(main())
