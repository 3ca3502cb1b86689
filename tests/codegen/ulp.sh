#!/usr/bin/env bash
# The errors of the elementary functions, with fused multiply-adds and without.
# Usage: ulp.sh all LATHE SOURCE
source "$(dirname "$0")/common.sh" ulp "$2" "$3"

# measure TARGET V L SINE_TO OPTIONS...: the vector type, its lanes, and up to where the sine is as good.
measure() {
  local target=$1 v=$2 lanes=$3 sine_to=$4
  shift 4
  compile "$here/networks/functions.py" "$target" --target "$target" --batch 1 || return
  must "$target" gcc -O2 -fno-math-errno "-DSOURCE=\"functions.c\"" "-DV=$v" "-DL=$lanes" "-DSINE_TO=$sine_to" "-I$target" "$@" \
    "$here/ulp.c" -lm -o "$target/run" || return
  ! runs "$target" || "./$target/run" || complain "$target"
}

measure c99 f32x1 1 8000.0f
measure avx2 f32x8 8 30000.0f -mavx2 -mfma
exit $((failures > 0))
