"""Random networks against Keras: python run.py [--count N] [--seed S]."""
import argparse
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "oracle")]

os.environ.setdefault("ORACLE_FOLDER", tempfile.gettempdir())

import agree
import draw
import interpreted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    interpreter = interpreted.Interpreted()
    folder = tempfile.mkdtemp(dir=os.environ["ORACLE_FOLDER"])
    failed = 0
    for seed in range(o.seed, o.seed + o.count):
        t, c = time.time(), time.process_time()
        try:
            r = agree.check(draw.draw(seed), os.path.join(folder, str(seed)), interpreter)
            print(seed, "ok", r.compared, r.by_keras, "%.2f %.2f" % (time.time() - t, time.process_time() - c), flush=True)
        except Exception as e:
            failed += 1
            print(seed, "FAILED", type(e).__name__, str(e)[:1000], "\n", draw.draw(seed).script(), flush=True)
    print(folder, failed)
    return failed > 0


sys.exit(main())
