#!/usr/bin/env bash
# lathe compile --python: the example, the module against lathe predict, what both refuse.
source "$(dirname "$0")/common.sh" "$@"
here=$(cd "$(dirname "$0")" && pwd)
python=$5
export PYTHONDONTWRITEBYTECODE=1

must "stripes" "$lathe" compile examples/stripes.py --python -o examples/python
must "example" "$python" examples/python/main.py
says "drawn horizontal, told horizontal" "drawn vertical, told vertical"

fails "--python goes with inference and a folder" "$lathe" compile examples/stripes.py --python --train -o out.d
fails "--python goes with inference and a folder" "$lathe" compile examples/stripes.py --python -o out.c
fails "--python goes with inference and a folder" "$lathe" compile examples/stripes.py --python --embed-weights -o out.d
cp examples/stripes.py before.py
fails "would overwrite examples/stripes.py" "$lathe" compile examples/stripes.py --python -o examples
cmp before.py examples/stripes.py || complain "the script was overwritten"

mkdir networks
cat >networks/pair.py <<'PYTHON'
from keras import Input, Model
from keras.layers import Conv2D, Concatenate, Dense, Flatten

image, numbers = Input((9, 8, 3), name="image"), Input((5,), name="numbers")
maps = Conv2D(40, 3, activation="relu", name="maps")(image)
joined = Concatenate()([Flatten()(maps), Dense(7, activation="tanh")(numbers)])
model = Model([image, numbers], [maps, Dense(12, name="scores")(joined)])
PYTHON
mkdir pair && must "pair" "$lathe" compile networks/pair.py --python --batch 4 -o pair
LATHE=$lathe MODEL=$work/networks/pair.py PYTHONPATH=pair must "module" "$python" "$here/module_checks.py"

# --- the library: built again when the C is newer; nobody can build it
touch -d '+2 seconds' pair/pair.c
before=$(stat -c %Y pair/libpair.so)
import() { env PYTHONPATH=pair "$@" "$python" -c 'import pair'; }
must "newer" import env
[ "$(stat -c %Y pair/libpair.so)" -ge "$before" ] || complain "libpair.so was not built again"
touch -d '-1 minute' pair/pair.c
must "no compiler is needed" import env CC=/no/such/cc
rm pair/libpair.so
fails "no C compiler: CC is '/no/such/cc', which is not there" import env CC=/no/such/cc
fails "false cannot compile" import env CC=false
mkdir none
fails "none of cc, gcc, clang is there" import env -u CC PATH="$work/none"
[ "$(cd pair && echo *)" = "pair.c pair.h pair.py pair.weights" ] || complain "left: $(ls pair)"
must "with options" import env CC="$CC -O1"
head -c 1000 pair/pair.weights >cut && mv cut pair/pair.weights
fails "pair.weights: 1000 bytes instead of" import env
head -c "$(grep -o 'PAIR_WEIGHTS_BYTES [0-9]*' pair/pair.h | cut -d' ' -f2)" /dev/zero >pair/pair.weights
fails "not the weights that were written with" import env
finish
