#!/usr/bin/env bash
# `lathe reproduce` prints the value that README.md gives, on every target, with gcc and clang.
source "$(dirname "$0")/common.sh" reproduce "$2" "$3"
wanted=$(sed -n 's/^\([0-9a-f]\{64\}\)  weights$/\1/p' "$source_dir/README.md")
[ -n "$wanted" ] || complain "README.md gives no value"
count=0

# same WHAT COMMAND...: the command prints the value at the start of a line.
same() {
  local what=$1 got
  shift
  got=$("$@" 2>&1 | grep -oE '^[0-9a-f]{64}')
  count=$((count + 1))
  [ "$got" = "$wanted" ] || complain "$what: '$got' instead of $wanted"
}

for cc in gcc clang; do
  for target in avx2 avx512; do
    ! runs $target || CC=$cc same "$cc $target" "$lathe" reproduce --target $target
  done
  CC=$cc same "$cc sse2" "$lathe" reproduce --target sse2 --reproducible --threads 1
done
CC=clang same "clang c99" "$lathe" reproduce --target c99 --reproducible --threads 3
! runs avx2 || CC=clang same "the host, 3 threads" "$lathe" reproduce --threads 3

# emulated NAME TRIPLE OPTIONS...: the program that lathe writes, by both compilers for another machine.
emulated() {
  local target=$1 triple=$2 machine=${2%%-*} cc
  shift 2
  must "the program for $target" "$lathe" reproduce -o "$target.c" --target "$target" "$@" || return
  for cc in "$triple-gcc" "clang --target=$triple"; do
    # shellcheck disable=SC2086
    must "$cc" $cc -O2 "$target.c" -o "$target" -lm || continue
    same "$cc" bash -c "qemu-$machine -L /usr/$triple ./$target | sha256sum"
  done
}

emulated neon aarch64-linux-gnu
emulated riscv64 riscv64-linux-gnu --reproducible
echo "$count builds give $wanted"
finish
