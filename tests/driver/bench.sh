#!/usr/bin/env bash
# lathe bench: its table, its JSON, its rows by layer, and what it says about bad arguments. No figure
# is expected of a machine that others use too, only that the figures fit together.
source "$(dirname "$0")/common.sh"
model=$3/examples/cifar10/model1.py

bench() { "$lathe" bench "$model" --runs 3 "$@" >out 2>err || complain "bench $*: $(cat err)"; }
refuses() {
  local text=$1 status
  shift
  "$lathe" bench "$@" >out 2>err
  status=$?
  [ $status = 1 ] || complain "status $status instead of 1: bench $*"
  grep -qF -- "$text" err || complain "no '$text' in what 'bench $*' says: $(head -c 600 err)"
  [ ! -s out ] || complain "bench $* prints: $(head -c 600 out)"
}
# rows WHAT...: the labels of the table's rows.
rows() {
  sed -n 's/^\(inference\|training step\), batch \([0-9]*\) .*[0-9]x .*/\1 \2/p' out | tr '\n' ';'
}

# --- the table
bench
[ "$(rows)" = "inference 1;inference 32;training step 32;" ] || complain "rows: $(cat out)"
awk '/[0-9]x / { if ($(NF-1) >= 1e-5 || $NF != 3) exit 1 }' out || complain "difference or runs: $(cat out)"
bench --inference --batch 5
[ "$(rows)" = "inference 1;inference 5;" ] || complain "rows of --inference: $(cat out)"
bench --train --batch 7 --threads 1
[ "$(rows)" = "training step 7;" ] || complain "rows of --train: $(cat out)"
bench --inference --batch 1
[ "$(rows)" = "inference 1;" ] || complain "rows of --batch 1: $(cat out)"

# --- JSON and layers
cat >check.py <<'PYTHON'
import json
import sys

report = json.load(open("out"))
results = {(r["what"], r["batch"]): r for r in report["results"]}
assert list(results) == [("inference", 1), ("inference", 32), ("training step", 32)], results.keys()
macs = 30 * 30 * 9 * 3 * 8 + 1800 * 100 + 100 * 10  # of one sample
for (what, n), r in results.items():
    assert r["runs"] == 3 and r["difference"] < 1e-5, r
    assert abs(r["ratio"] / (r["interpreted"]["median_ms"] / r["generated"]["median_ms"]) - 1) < 1e-3
    for side in r["generated"], r["interpreted"]:
        assert 0 < side["median_ms"] <= side["p99_ms"] and side["bytes"] > 0, side
    names = [row["layer"] for row in r["layers"]]
    assert len(set(names)) == len(names), names
    assert {"conv2d", "flatten", "dense", "dense_1"} < set(names), names
    rows = dict(zip(names, r["layers"]))
    assert rows["conv2d"]["multiply_adds"] == n * 30 * 30 * 9 * 3 * 8, rows["conv2d"]
    for name in "conv2d", "dense", "dense_1":
        assert rows[name]["generated_ms"] > 0 and rows[name]["interpreted_ms"] > 0, rows[name]
    if what == "inference":
        assert sum(row["multiply_adds"] for row in r["layers"]) == n * macs
    else:  # one sweep against one node a parameter
        assert rows["optimizer"]["operation"] == "adam"
        assert rows["optimizer"]["generated_ms"] > 0 and rows["optimizer"]["interpreted_ms"] > 0
        assert not any(name.endswith("/new") for name in names), names
PYTHON
bench --json --layers
python3 -m json.tool out >/dev/null || complain "no JSON: $(cat out)"
python3 check.py 2>err || complain "$(cat err): $(cat out)"
bench --layers --train
for layer in conv2d max_pooling2d flatten dense dense_1 conv2d/kernel/grad optimizer sum; do
  grep -qE "^$layer +.*[0-9]\.[0-9]{4} " out || complain "no row of $layer: $(cat out)"
done

# feature maps so large that the samples of a batch go through the network one after the other
cat >wide.py <<'PYTHON'
from keras import Input, Sequential
from keras.layers import Conv2D

model = Sequential([Input((128, 128, 2)), Conv2D(48, 3, activation="relu"), Conv2D(2, 1)])
PYTHON
"$lathe" bench wide.py --inference --batch 8 --runs 1 --layers >out 2>err || complain "samples one by one: $(cat err)"
[ "$(grep -cE "^conv2d_1 +conv2d +[0-9]\.[0-9]{4} " out)" = 2 ] || complain "samples one by one: $(cat out)"

# --- the slowest calls
bench --tail --threads 2
for row in "2 threads" "1 thread" ratio; do
  grep -qE "^$row( +[0-9]+\.[0-9]+){4}$" out || complain "no row '$row' of --tail: $(cat out)"
done
bench --tail --json
cat >check_tail.py <<'PYTHON'
import json

report = json.load(open("out"))
assert report["calls"] == 3 and len(report["rows"]) == 2 and report["rows"][1]["threads"] == 1, report
for row in report["rows"]:
    assert 0 < row["median_us"] <= row["p99_us"] <= row["p999_us"] <= row["largest_us"], row
PYTHON
python3 check_tail.py 2>err || complain "$(cat err): $(cat out)"

# --- a model without training, bad arguments
grep -v compile "$model" >untrained.py
"$lathe" bench untrained.py --runs 1 >out 2>err || complain "untrained: $(cat err)"
grep -q "no model.compile" err || complain "no note: $(cat err)"
[ "$(rows)" = "inference 1;inference 32;" ] || complain "rows of untrained: $(cat out)"
refuses "compile" untrained.py --train
refuses "lathe bench needs more"
refuses "none.py" none.py
refuses "--runs" "$model" --runs 0
refuses "--runs takes a number from 1 to 10000" "$model" --runs 10001
refuses "--runs takes a number from 1 to 10000000" "$model" --tail --runs 10000001
refuses "--tail measures calls of one sample" "$model" --tail --train
refuses "unknown option '--count'" "$model" --count 3
refuses "--inference does not go with --train" "$model" --inference --train
refuses "unexpected 'more'" "$model" more
refuses "No such file" "$model" --weights none
CC=/no/such/cc refuses "CC is '/no/such/cc', which is not there" "$model"
finish
