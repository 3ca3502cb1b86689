#!/usr/bin/env bash
# The wheel with the lathe binary in it, in an environment that has nothing else but NumPy:
# wheel.sh PYTHON LATHE SOURCE.
set -euo pipefail
python=$1 lathe=$2 source=$3
[ -x "$python" ] || { echo "$python is missing: ./check makes it" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$source/python/build_wheel" "$python" "$lathe" "$work"
ls "$work"

"$python" -m venv "$work/clean"
clean=$work/clean/bin/python
"$clean" -m pip --quiet --disable-pip-version-check install "$work"/lathe_nn-*manylinux*.whl "$(grep '^numpy==' "$source/tests/requirements.txt")"

# The C library, its loader and what every Linux has are the only libraries from outside the wheel.
own=$(find "$work/clean" -path '*/lathe_nn/bin/lathe')
outside=$(ldd "$own" "$own-parse" | grep -v ':$' | awk -v own="$work/clean" '!index($0, own) { sub(".*/", "", $1); print $1 }' |
  grep -vE '^(linux-vdso|ld-linux.*|libc|libm|libresolv|libdl|libpthread|librt|libz|libgcc_s)\.so\.[0-9]+$' || true)
[ -z "$outside" ] || { echo "the wheel needs $outside" >&2 && exit 1; }

cp "$source/examples/embed/stripes.py" "$work"
cd "$work"
env -u LATHE -u PYTHONPATH XDG_CACHE_HOME="$work/cache" PATH=/usr/local/bin:/usr/bin:/bin "$clean" - <<'E2'
import importlib.util
import os
import subprocess
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
for words in (("convert", "stripes.py", "stripes.keras"), ("summary", "stripes.keras")):
    subprocess.run([lathe_command(), *words], check=True, stdout=subprocess.DEVNULL)
print("the wheel works")
E2
