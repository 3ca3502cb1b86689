#!/usr/bin/env bash
# What docs/embedding.md and examples/embed/README.md show works as it stands. Usage: docs.sh LATHE CC
# SOURCE BUILD PART [PYTHON]; PART is page, rust, go or readme.
source "$(dirname "$0")/common.sh" "$@"
here=$(cd "$(dirname "$0")" && pwd)
mkdir bin && ln -s "$CC" bin/cc
export PATH=$work/bin:$root/usr/bin:$PATH CMAKE_PREFIX_PATH=$root/usr
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name lathe.pc)")

# needs PROGRAM: without it the test counts as skipped.
needs() {
  command -v "$1" >/dev/null || { echo "$1 is not there" && exit 77; }
}

run_section() { # SECTION
  mkdir page page/go
  cp examples/stripes.py lenet5/lenet5.py page
  (cd page && awk -v section="$1" -f "$here/extract.awk" "$source_dir/docs/embedding.md" >lines)
  must "docs/embedding.md $1" bash -c "cd page && bash -ex lines"
}

check_page() {
  run_section ""
  [ "$(grep -c '^horizontal 0.99, vertical 0.01$' out)" = 2 ] || complain "tell: $(cat out)"
  says passed
  mkdir project && cp page/tell.c page/stripes.py project
  { printf 'cmake_minimum_required(VERSION 3.22)\nproject(page C)\nadd_executable(tell tell.c)\n' && cat page/snippet.cmake; } \
    >project/CMakeLists.txt
  must "cmake" cmake -S project -B project/build
  must "cmake" cmake --build project/build
  must "cmake" project/build/tell
}

check_rust() {
  needs rustc
  run_section Rust
  says "add up to 1.0000"
}

check_go() {
  needs go
  export HOME=$work GOFLAGS=-mod=mod
  run_section Go
  says "horizontal 0.99, vertical 0.01"
}

check_readme() {
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$python" >bin/python3 && chmod +x bin/python3
  (cd examples && sed -n '/^```sh$/,/^```$/p; /^## A program that trains/q' README.md | grep -v '^```' >lines)
  must "README.md" bash -c "cd examples && bash -ex lines"
  [ "$(grep -c '^drawn .* told' out)" = 6 ] || complain "README.md prints: $(cat out)"
}

python=${6:-}
"check_$5"
finish
