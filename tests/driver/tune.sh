#!/usr/bin/env bash
# lathe tune, --tuned and what lathe inspect says of kernels and layouts. No figure is expected of a
# machine that others use too, only that choices are legal, obeyed and reported.
source "$(dirname "$0")/common.sh"

cat >net.py <<'PYTHON'
import keras
from keras.layers import Concatenate, Conv2D, DepthwiseConv2D, Flatten, Dense, Input, MaxPooling2D

inputs = Input(shape=(16, 16, 16))
x = Conv2D(32, 3, padding="same", activation="relu", name="same")(inputs)
x = MaxPooling2D(2, name="pool")(x)
x = Conv2D(48, 1, activation="relu", name="wide")(x)
x = DepthwiseConv2D(3, padding="same", activation="relu", name="deep")(x)
x = Conv2D(16, 1, name="narrow")(x)
x = Concatenate(name="both")([x, Conv2D(16, 3, padding="same", name="side")(x)])
model = keras.Model(inputs, Dense(10, name="dense")(Flatten(name="flat")(x)))
PYTHON

refuses() {
  local text=$1 status
  shift
  "$lathe" "$@" >out 2>err
  status=$?
  [ $status = 1 ] || complain "status $status instead of 1: $*"
  grep -qF -- "$text" err || complain "no '$text' in what '$*' says: $(head -c 600 err)"
  [ ! -s out ] || complain "$* prints: $(head -c 600 out)"
}
succeeds() { "$lathe" "$@" >out 2>err || complain "$*: $(cat err)"; }
# choose LAYER VARIANT: a tuning file with this choice alone.
choose() { printf '{"lathe_tuning": 1, "layers": {"%s": {"variant": "%s"}}}' "$1" "$2" >chosen.json; }

# --- tuning
succeeds tune net.py -o tuned.json --budget 12 --threads 2
grep -qE '^[0-9] of 5 layers changed; a call takes [0-9.]+ ms' out || complain "no last line: $(cat out)"
grep -q '^round 2 of 6: ' err || complain "no progress: $(cat err)"
# A slow machine does not come to all of them, and says so.
rounds=$(grep -c '^round [1-6] of 6: ' err)
[ "$rounds" = 6 ] || grep -qF "the budget ends after $rounds of 6 rounds" err || complain "rounds: $(cat err)"
cat >check.py <<'PYTHON'
import json
import sys

rounds = int(sys.argv[1])
report = json.load(open("tuned.json"))
winograd = {f"winograd{m}/{form}" for m in (2, 4) for form in ("steps", "blocks")}
direct = {"direct/channels", "direct/bands"}
legal = {"same": direct | winograd, "side": direct | winograd, "wide": direct, "narrow": direct,
         "deep": {"chain", "alone"}}
assert report["threads"] == 2 and report["batch"] == 1 and report["processor"], report
assert 0 < report["tuned_ms"] <= report["model_ms"], report
assert report["layers"].keys() == legal.keys(), report
for name, layer in report["layers"].items():
    assert layer["variant"] in legal[name] and layer["ms"].keys() <= legal[name], (name, layer)
    assert all(ms > 0 for ms in layer["ms"].values()), (name, layer)
for name in "same", "side":
    assert len(report["layers"][name]["ms"]) == rounds, report
PYTHON
python3 check.py "$rounds" 2>err || complain "$(cat err): $(cat tuned.json)"
succeeds compile net.py -o tuned --tuned tuned.json
grep -q 'kernels chosen by a tuning file, hash [0-9a-f]\{16\}' tuned/net.c || complain "no hash"
succeeds bench net.py --inference --batch 1 --runs 3 --tuned tuned.json

# --- each choice is obeyed
for variant in direct/channels direct/bands winograd2/steps winograd2/blocks winograd4/steps winograd4/blocks; do
  choose same $variant
  succeeds inspect net.py --kernels --tuned chosen.json
  grep -q "^same .*($variant, not " out || complain "$variant is not chosen: $(cat out)"
done
for variant in chain alone; do
  choose deep $variant
  succeeds inspect net.py --plan --tuned chosen.json
  [ "$(grep -c net_chain out)" = $([ $variant = chain ] && echo 1 || echo 0) ] || complain "$variant: $(cat out)"
done
succeeds inspect net.py --kernels random:1
grep -q '^same ' out || complain "no row of a drawn kernel: $(cat out)"

# --- predicted, and measured where bench has done so
succeeds bench net.py --inference --batch 1 --runs 3 --layers --json
mv out measured.json
succeeds inspect net.py --kernels --measured measured.json
grep -qE '^same +[0-9]+ +[0-9]+ +[0-9.]+ +[0-9.]+  ' out || complain "no measured time: $(cat out)"
grep -qE '^sum +[0-9.]+$' out || complain "no sum: $(cat out)"

# --- layouts
choose deep alone
succeeds inspect net.py --layouts --tuned chosen.json
grep -q '^narrow .* in the rows of both, from channel 0' out || complain "layout of a part: $(cat out)"
grep -q 'steps only move or clear:$' out || complain "no steps that move: $(cat out)"

# --- mistakes
refuses 'lathe tune needs -o FILE' tune net.py
refuses "absent.json: No such file" inspect net.py --kernels --tuned absent.json
echo 'no json' >chosen.json
refuses 'chosen.json:1:' inspect net.py --kernels --tuned chosen.json
echo '{}' >chosen.json
refuses 'is no tuning file of this version' inspect net.py --kernels --tuned chosen.json
choose absent direct/bands
refuses "layer 'absent' has no choice of kernels in this model" compile net.py -o no --tuned chosen.json
choose wide winograd2/steps
refuses "unknown variant 'winograd2/steps'; accepted: direct/channels, direct/bands" compile net.py -o no --tuned chosen.json
choose same winograd2/steps
refuses "unknown variant 'winograd2/steps'" compile net.py -o no --exact --tuned chosen.json
refuses '--tuned goes with inference' compile net.py -o no --train --loss mse --tuned chosen.json
refuses '--kernels needs a value: random:SEED' compile net.py -o no --kernels
refuses '--measured goes with --kernels' inspect net.py --measured measured.json
refuses 'has no times by layer' inspect net.py --kernels --measured chosen.json
refuses '--kernels and --layouts show predict' inspect net.py --train --layouts
[ ! -e no ] || complain "a refused compile writes something"
finish
