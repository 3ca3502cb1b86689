#!/usr/bin/env bash
# Generated code and the runtime's core under sanitizers, each buffer of exactly the size that the interface
# states. Nothing is suppressed.
# Usage: sanitize.sh PART LATHE SOURCE; PART is
#   gcc, clang  address and undefined behaviour, by this compiler
#   memory      reads of what nobody has written: every entry, and a whole run
#   threads     races: a whole run on the runtime's pool, and by OpenMP, about which libomp's Archer tells the sanitizer
#   valgrind    memcheck, over the same and over lathe itself
source "$(dirname "$0")/common.sh" "sanitize_$1" "$2" "$3"
part=$1

# check CC FLAGS SCRIPT TARGET: inference and training with a batch that leaves tails. `emulator` runs the programs.
emulator=
check() {
  local cc=$1 flags=$2 name
  name=$(basename "$3" .py)
  for kind in predict train; do
    rm -rf code
    if [ $kind = train ]; then
      compile "$3" code --batch 3 --target "$4" --train || continue
    else
      compile "$3" code --batch 3 --target "$4" || continue
    fi
    # shellcheck disable=SC2086
    must "$name $kind" $cc $flags "-DMODEL=${name}_model" "-I$source_dir/runtime" "$here/sanitize.c" \
      "code/$name.c" -lm -o run || continue
    if [ $kind = train ]; then
      must "$name $4 $kind" $emulator ./run
    else
      must "$name $4 $kind" $emulator ./run "code/$name.weights"
    fi
  done
}

# build_run CC FLAGS: the program of a whole run, of generated code, the runtime's core and libc.
build_run() {
  [ -d trained ] || compile "$examples/lenet5/lenet5.py" trained --train --batch 8 --target "$target" || return
  # shellcheck disable=SC2086
  must "a run" $1 $2 -DMODEL=lenet5_model "-I$source_dir/runtime" "$here/sanitize_run.c" trained/lenet5.c \
    "$source_dir"/runtime/*.c -lm -lpthread -o whole
}

# whole_run pool|openmp
whole_run() {
  rm -rf data
  mkdir data
  must "a run, $1" $emulator ./whole data "$1"
}

check_addresses() {
  local cc=$1 flags="-g -O0 -fsanitize=address,undefined -fno-sanitize-recover=all"
  # Of two in turn for each compiler, so that each network is seen on each target; clang's part, which runs
  # without --full, sees AVX-512 in the network that has a kernel of nearly every kind.
  local most=$target wide=$target
  if runs avx512; then
    wide=avx512
    [ "$cc" = gcc ] && most=avx512 wide=$target
  fi
  check "$cc" "$flags" "$examples/cifar10/model1.py" "$most"
  check "$cc" "$flags" "$examples/lenet5/lenet5.py" "$most"
  check "$cc" "$flags" "$examples/cifar10/convbn.py" "$most"
  check "$cc" "$flags" "$here/networks/mixed.py" "$wide"
  check "$cc" "$flags" "$here/networks/mixed.py" sse2
  check "$cc" "$flags" "$examples/lenet5/lenet5.py" c99
}

check_memory() {
  local flags="-g -O1 -fsanitize=memory -fno-sanitize-recover=all"
  check clang "$flags" "$examples/lenet5/lenet5.py" "$target"
  check clang "$flags" "$examples/cifar10/convbn.py" "$target"
  check clang "$flags" "$here/networks/mixed.py" c99
  build_run clang "$flags" && whole_run pool
}

# libomp itself is not compiled for the sanitizer, which shall not look at what it does inside; Archer says what
# its barriers order.
check_threads() {
  local flags="-g -O1 -fsanitize=thread"
  build_run clang "$flags" && whole_run pool
  build_run clang "$flags -fopenmp" || return
  TSAN_OPTIONS=ignore_noninstrumented_modules=1 OMP_NUM_THREADS=3 whole_run openmp
  OMP_NUM_THREADS=2 ARCHER_OPTIONS=verbose=1 ./whole data openmp 2>&1 | grep -q "Archer detected" ||
    complain "libomp did not load Archer"
}

check_valgrind() {
  emulator="valgrind -q --error-exitcode=9 --leak-check=full"
  check gcc "-g -O1" "$examples/lenet5/lenet5.py" "$target"
  check gcc "-g -O1" "$here/networks/mixed.py" sse2
  build_run gcc "-g -O1" && whole_run pool
  # lathe says what it wrote; valgrind speaks on the other stream.
  $emulator "$lathe" compile "$examples/lenet5/lenet5.py" -o small --train --target avx2 2>valgrind.log >written &&
    [ ! -s valgrind.log ] || complain "lathe compile: $(head -n 20 valgrind.log)"
}

target=avx2
runs "$target" || target=c99
case $part in
  gcc | clang) check_addresses "$part" ;;
  memory) check_memory ;;
  threads) check_threads ;;
  valgrind) check_valgrind ;;
esac
finish
