#!/usr/bin/env bash
# Generated code for systems that this machine is not: it builds without warnings and links, and where
# gcc compiles for Windows, no vector is wider than 16 bytes.
# Usage: systems.sh PART LATHE SOURCE; PART is mingw, windows or macos. $ZIG is zig's C compiler.
source "$(dirname "$0")/common.sh" "systems_$1" "$2" "$3"
part=$1
strict="-std=c99 $warnings"
model=$examples/lenet5/lenet5.py

# program DIR CC...: a whole program of inference with weights from an assembler file, or of training.
program() {
  local dir=$1 weights=0 state=0 files=$1/lenet5.c
  shift
  if [ -e "$dir/lenet5_weights.S" ]; then
    weights="&w"
    files="$files $dir/lenet5_weights.S"
  else
    state="state"
  fi
  printf '%s\n' '#include "lenet5.h"' \
    'static _Alignas(64) char state[LENET5_STATE_BYTES + 64], workspace[LENET5_WORKSPACE_BYTES];' \
    'int main(void) {' '    lathe_weights w = {0};' '    (void)w, (void)state;' \
    '#if LENET5_WEIGHTS_BYTES > 0' \
    '    if (lenet5_weights_open(&w, lenet5_model.embedded_weights, LENET5_WEIGHTS_BYTES)) return 2;' \
    '#endif' "    return lenet5_self_test($weights, $state, workspace);" '}' >"$dir/main.c"
  # shellcheck disable=SC2086
  must "$dir $*" "$@" -O1 -Wa,-I,"$dir" "-I$dir" "$dir/main.c" $files -lm -o "$dir/program"
}

# narrow OBJECT: the code has vectors, and none of more than 16 bytes.
narrow() {
  llvm-objdump -d "$1" >listing
  grep -q '%xmm' listing || complain "$1 has no vectors"
  ! grep -m 3 -E '%[yz]mm' listing || complain "$1 has vectors of more than 16 bytes"
}

# on_windows PROGRAM: its self-test, under Wine where that is installed (./check --full installs it).
# Not every compiler has put .exe to the name. The first start makes a folder and says so.
on_windows() {
  local wine
  wine=$(command -v wine64 wine /usr/lib/wine/wine64 | head -n 1)
  [ -n "$wine" ] || return 0
  export WINEPREFIX=$PWD/wine WINEDEBUG=-all
  [ -e wine ] || "$wine" wineboot >/dev/null 2>&1
  [ -e "$1.exe" ] || mv "$1" "$1.exe"
  must "self-test of $1 under Wine" "$wine" "$1.exe"
}

compile_for_windows() {
  compile "$model" predict --target avx512,avx2,sse2 --embed-weights
  compile "$model" train --target avx2,sse2 --train
}

# gcc for Windows; what it would compile runs here too and gives the bits of SSE2. It may use all that the
# processor has elsewhere, and there refuses a file without SSE2's kernels.
test_mingw() {
  local code gcc=x86_64-w64-mingw32-gcc-win32
  compile_for_windows
  for code in predict train; do
    # shellcheck disable=SC2086
    must "$code" $gcc $strict -O2 -mavx2 -c $code/lenet5.c -o $code/lenet5.o && narrow $code/lenet5.o
  done
  compile "$model" wide --target avx2
  ! $gcc -c wide/lenet5.c -o wide/lenet5.o 2>err && grep -q "write it for --target avx512,avx2,sse2" err ||
    complain "vectors of 32 bytes: $(head -n 3 err)"
  program predict $gcc && on_windows predict/program
  program train $gcc && on_windows train/program
  program train gcc -D__MINGW32__ && must "self-test" ./train/program
  program predict gcc -D__MINGW32__ && must "self-test" ./predict/program
  compile "$model" sse2 --target sse2 --train
  for code in train sse2; do
    gcc -D__MINGW32__ -O1 -DMODEL=lenet5_model "-I$source_dir/runtime" "$here/train_steps.c" $code/lenet5.c -lm \
      -lpthread -o $code/run && ./$code/run 2 plain -1 >$code/bits && [ -s $code/bits ] || complain "$code"
  done
  cmp train/bits sse2/bits || complain "the kernels for MinGW give other bits than SSE2's"
}

# The words of $ZIG are a command and its options.
# shellcheck disable=SC2086
test_windows() {
  compile_for_windows
  for code in predict train; do
    must "$code" $ZIG -target x86_64-windows-gnu $strict -O2 -c $code/lenet5.c -o $code/lenet5.o
    program $code $ZIG -target x86_64-windows-gnu && on_windows $code/program
  done
}

# shellcheck disable=SC2086
test_macos() {
  compile "$model" predict --target neon --embed-weights
  compile "$model" train --target neon --train
  for code in predict train; do
    must "$code" $ZIG -target aarch64-macos $strict -O2 -c $code/lenet5.c -o $code/lenet5.o
    program $code $ZIG -target aarch64-macos
  done
  # The same compiler's code for the same processor, where it can run.
  program train $ZIG -target aarch64-linux-musl -static && must "self-test" qemu-aarch64 ./train/program
}

"test_$part"
finish
