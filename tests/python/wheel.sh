#!/usr/bin/env bash
# The wheel with the lathe binary in it, in an environment that has nothing else but NumPy:
# wheel.sh PYTHON LATHE SOURCE.
set -euo pipefail
python=$1 lathe=$2 source=$3
[ -x "$python" ] || { echo "$python is missing: ./check makes it" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -r "$source/python" "$work/package"
mkdir -p "$work/package/lathe_nn/bin"
cp "$lathe" "$work/package/lathe_nn/bin/lathe"
pip() { "$1" -m pip --quiet --disable-pip-version-check "${@:2}"; }
pip "$python" wheel --no-deps --wheel-dir "$work/wheels" "$work/package"
ls "$work/wheels"

"$python" -m venv "$work/clean"
clean=$work/clean/bin/python
pip "$clean" install "$work"/wheels/lathe_nn-*.whl "$(grep '^numpy==' "$source/tests/requirements.txt")"
cp "$source/examples/embed/stripes.py" "$work"
cd "$work"
env -u LATHE -u PYTHONPATH XDG_CACHE_HOME="$work/cache" PATH=/usr/local/bin:/usr/bin:/bin "$clean" - <<'E2'
import importlib.util
import os
import sys

import numpy as np

import lathe_nn
from lathe_nn.toolchain import lathe_command

assert importlib.util.find_spec("keras") is None
for path in (lathe_nn.__file__, lathe_command()):
    assert path.startswith(sys.prefix), path
net = lathe_nn.compile("stripes.py")
rows = np.arange(8)[:, None] // 2 % 2 * np.ones((8, 8), np.float32)
p = net(np.stack([rows, rows.T])[..., None])
assert list(p.argmax(axis=1)) == [0, 1], p
net.save("saved")
assert sorted(os.listdir("saved")) == ["stripes.c", "stripes.h"]
print("the wheel works")
E2
