#!/usr/bin/env bash
# The same source gives the same bytes, built in two folders: the command, the Debian package, the wheel.
# folders.sh SOURCE CC PYTHON
set -euo pipefail
source=$1 cc=$2 python=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
SOURCE_DATE_EPOCH=$(git -C "$source" log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# build FOLDER: a copy of the sources there, built; what is released in FOLDER/release.
build() {
  mkdir -p "$1/release"
  (cd "$source" && git ls-files -coz --exclude-standard | xargs -0 cp --parents -t "$1")
  # nothing but what is released: not the tests
  cmake -S "$1" -B "$1/build" "-DCMAKE_C_COMPILER=$cc" -DCMAKE_SKIP_INSTALL_ALL_DEPENDENCY=ON >"$1/log"
  cmake --build "$1/build" -j "$(nproc)" --target lathe lathe_manual lathe_sbom >>"$1/log"
  cp "$1/build/lathe" "$1/build/lathe-parse" "$1/release"
  (cd "$1/build" && cpack -G DEB >>"$1/log")
  cp "$1"/build/lathe_*.deb "$1/release"
  "$1/python/build_wheel" "$python" "$1/build/lathe" "$1/release"
}

build "$work/a"
sleep 2 # another second
build "$work/another/folder"
failures=0
for file in "$work"/a/release/*; do
  cmp "$file" "$work/another/folder/release/${file##*/}" && echo "the same: ${file##*/}" || failures=$((failures + 1))
done
[ "$(ls "$work/a/release" | wc -l)" -ge 4 ] && [ $failures = 0 ]
