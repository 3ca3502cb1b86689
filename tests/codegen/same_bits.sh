#!/usr/bin/env bash
# The design's "same bits": one SHA-256 over all weights and optimizer state after training, for every
# target with fused multiply-add, compiler, optimisation level, language standard and way to run parts.
# Usage: same_bits.sh PART LATHE SOURCE; PART is gcc, clang, neon, riscv64, portable, mixed, winograd,
# compilers or fast.
source "$(dirname "$0")/common.sh" "same_bits_$1" "$2" "$3"
part=$1
count=0

# The host's own instruction makes fmaf fast in plain C; bits are the same without.
fma=()
grep -qw fma /proc/cpuinfo && fma=(-mfma)

# choose MODEL: the network that the functions below work on.
choose() {
  model=$1
  name=$(basename "$1" .py)
}

# build OUT DIR CC OPTIONS...: the program OUT that trains the network generated in DIR. Only the
# generated file is compiled with OPTIONS.
build() {
  local out=$1 dir=$2 cc=$3 link=-fopenmp
  shift 3
  case $cc in clang\ --target=* | clang-*) link= ;; esac # the OpenMP library is the host's and clang's
  # $cc may hold options.
  # shellcheck disable=SC2086
  must "generated code, $cc $*" $cc "$@" -c "$dir/$name.c" -o "$out.o" &&
    must "link, $cc" $cc -O1 "-DMODEL=${name}_model" "-I$source_dir/runtime" $link \
      "$here/train_steps.c" "$out.o" -lm -lpthread -o "$out"
}

# want STEPS: sets wanted to the hash that all builds must give, from plain C99 on one thread.
want() {
  if [ ! -x reference ]; then
    compile "$model" reference_code --train --target c99 --reproducible "${options[@]}" &&
      build reference reference_code gcc -O2 "${fma[@]}" || exit 1
  fi
  ./reference "$1" reverse -1 >reference.data && [ -s reference.data ] || exit 1
  wanted=$(sha256sum <reference.data)
}

# same WHAT COMMAND...: the command's output has the hash.
same() {
  local what=$1 got
  shift
  got=$("$@" | sha256sum)
  count=$((count + 1))
  [ "$got" = "$wanted" ] || complain "$what: ${got%% *} instead of ${wanted%% *}"
}

# Every level, with or without OpenMP, in both language standards; both with and without where
# LATHE_FULL is set. Few steps: what clang compiles without optimisation is slow.
levels() {
  local cc=$1 target=$2 level std openmp
  for level in -O0 -O1 -O2 -O3 -Os; do
    for openmp in "" -fopenmp; do
      case $openmp$level in
        -O1 | -O3 | -fopenmp-O0 | -fopenmp-O3 | -fopenmp-Os) std=gnu17 ;;
        *) std=c99 ;;
      esac
      case ${LATHE_FULL:-}$level$openmp in
        -O0-fopenmp | -O1 | -O2-fopenmp | -O3 | -Os-fopenmp) continue ;;
      esac
      build run "$target" "$cc" $level -std=$std $openmp || continue
      OMP_NUM_THREADS=2 same "$target $cc $level -std=$std $openmp" ./run 10 plain -1
    done
  done
}

# Ways to run parts, on one build with OpenMP.
ways() {
  local cc=$1 target=$2 threads how
  build run "$target" "$cc" -O2 -fopenmp || return
  for threads in 1 2 3 7 16; do
    OMP_NUM_THREADS=$threads same "$target $cc $threads threads" ./run 100 plain 0
  done
  for how in region pthreads reverse; do
    OMP_NUM_THREADS=3 same "$target $cc $how" ./run 100 $how 0
  done
}

# Flags that name a machine of their own, or one target of two.
machines() {
  local cc=$1 forced
  build run avx2 "$cc" -O2 -march=native && same "avx2 $cc -march=native" ./run 100 plain -1
  runs avx512 || return
  build run avx512 "$cc" -O2 -march=native && same "avx512 $cc -march=native" ./run 100 plain -1
  build run avx512 "$cc" -O2 -march=skylake-avx512 &&
    same "avx512 $cc -march=skylake-avx512" ./run 100 plain -1
  build run avx512,avx2 "$cc" -O2 -fopenmp || return
  for forced in -1 0 1; do same "avx512,avx2 $cc target $forced" ./run 100 plain $forced; done
  build run avx512,avx2 "$cc" -Og -march=native && same "avx512,avx2 $cc -Og" ./run 100 plain 1
}

# With only AVX2 the second target of a file for two must still be chosen and right.
second_target() {
  build run avx512,avx2 "$1" -O2 && same "avx512,avx2 $1 target 1" ./run 100 plain 1
}

test_compiler() {
  local cc=$1 target
  choose "$examples/cifar10/model1.py"
  for target in avx2 avx512 avx512,avx2; do compile "$model" $target --train --target $target; done
  want 10
  for target in avx2 avx512; do runs $target && levels "$cc" $target; done
  runs avx2 || return
  want 100
  ways "$cc" avx2
  machines "$cc"
  second_target "$cc"
  runs avx512 || return
  ways "$cc" avx512
}

# The emulator is slow: 30 steps once, few steps for the other builds, which are all levels of both compilers
# where LATHE_FULL is set.
test_neon() {
  local cc level levels emulator="qemu-aarch64 -L /usr/aarch64-linux-gnu"
  choose "$examples/cifar10/model1.py"
  compile "$model" neon --train --target neon
  want 30
  build run neon aarch64-linux-gnu-gcc -O2 && same "neon gcc -O2, 30 steps" $emulator ./run 30 plain -1
  want 5
  for cc in aarch64-linux-gnu-gcc "clang --target=aarch64-linux-gnu"; do
    case ${LATHE_FULL:-}$cc in
      aarch64*) levels="-O0 -Os" ;;
      clang*) levels="-O0 -O1 -O3" ;;
      *) levels="-O0 -O1 -O2 -O3 -Os" ;;
    esac
    for level in $levels; do
      build run neon "$cc" $level -std=c99 && same "neon $cc $level" $emulator ./run 5 plain -1
    done
  done
  build run neon aarch64-linux-gnu-gcc -O2 -fopenmp || return
  OMP_NUM_THREADS=3 same "neon gcc -fopenmp" $emulator ./run 5 plain -1
  same "neon gcc reverse" $emulator ./run 5 reverse -1
}

# As for NEON, with fewer builds: the kernels are the text of plain C.
test_riscv64() {
  local emulator="qemu-riscv64 -L /usr/riscv64-linux-gnu"
  choose "$examples/cifar10/model1.py"
  compile "$model" riscv64 --train --target riscv64
  want 5
  build run riscv64 riscv64-linux-gnu-gcc -O2 -fopenmp || return
  OMP_NUM_THREADS=3 same "riscv64 gcc -O2 -fopenmp" $emulator ./run 5 plain -1
  same "riscv64 gcc reverse" $emulator ./run 5 reverse -1
  build run riscv64 riscv64-linux-gnu-gcc -O0 && same "riscv64 gcc -O0" $emulator ./run 5 plain -1
  build run riscv64 "clang --target=riscv64-linux-gnu" -O3 -std=c99 &&
    same "riscv64 clang -O3" $emulator ./run 5 plain -1
}

# Targets without fused multiply-add: the same bits when asked for, else the same up to rounding.
test_portable() {
  local cc target level
  choose "$examples/cifar10/model1.py"
  want 100
  ./reference 1 plain -1 gradients >gradients
  for target in sse2 c99; do
    compile "$model" $target --train --target $target
    compile "$model" $target.same --train --target $target --reproducible
    for cc in gcc clang; do
      build run $target.same $cc -O2 "${fma[@]}" &&
        same "$target --reproducible $cc" ./run 100 plain -1
      for level in -O0 -O2; do
        build run $target $cc $level || continue
        ./run 1 plain -1 gradients gradients || complain "$target $cc $level: gradients differ"
        count=$((count + 1))
      done
    done
  done
  want 5
  for level in -O0 -O3; do
    build run sse2.same clang $level && same "sse2 --reproducible $level, fmaf of libm" ./run 5 plain -1
    build run c99.same gcc $level && same "c99 --reproducible $level, fmaf of libm" ./run 5 plain -1
  done
  test_processors
}

# One file for every x86-64: an emulated processor with AVX2 chooses that, one without SSE2, whose bits are those of
# plain C.
test_processors() {
  compile "$model" avx512,avx2,sse2 --train --target avx512,avx2,sse2 &&
    build every avx512,avx2,sse2 clang -O1 && build run c99 clang -O0 || return
  same "avx512,avx2,sse2 on a processor with AVX2" qemu-x86_64 -cpu max ./every 5 plain -1
  wanted=$(./run 5 plain -1 | sha256sum)
  same "avx512,avx2,sse2 on a processor without" qemu-x86_64 -cpu Nehalem ./every 5 plain -1
}

# A network on a few builds of every target.
test_network() {
  local steps=$1 few=$2
  compile "$model" avx2 --train --target avx2 "${options[@]}"
  compile "$model" avx512 --train --target avx512 "${options[@]}"
  compile "$model" neon --train --target neon "${options[@]}"
  want "$steps"
  for target in avx2 avx512; do
    runs $target || continue
    build run $target gcc -O2 -fopenmp && OMP_NUM_THREADS=7 same "$name $target gcc" ./run "$steps" plain -1
    build run $target clang -O3 && same "$name $target clang" ./run "$steps" plain -1
    same "$name $target reverse" ./run "$steps" reverse -1
    same "$name $target pthreads" ./run "$steps" pthreads -1
  done
  want "$few"
  build run neon aarch64-linux-gnu-gcc -O3 && same "$name neon" qemu-aarch64 -L /usr/aarch64-linux-gnu ./run "$few" plain -1
}

# The same network with another optimizer: a build of each target that differs in little else.
test_optimizer() {
  local target
  want "$1"
  for target in avx2 avx512; do
    runs $target || continue
    compile "$model" $target --train --target $target
    build run $target clang -O1 && OMP_NUM_THREADS=3 same "$name $target clang" ./run "$1" pthreads -1
  done
}

# Every compiler of Debian that is installed, and a static program with musl.
test_compilers() {
  local cc
  choose "$examples/lenet5/lenet5.py"
  want 5
  compile "$model" wide --train --target avx2
  for cc in gcc-11 gcc-12 clang-14 clang-16 clang-19; do
    command -v $cc >/dev/null || { echo "SKIPPED: $cc, which is not installed" && continue; }
    # shellcheck disable=SC2086
    build run wide $cc -std=c99 -O1 $warnings && runs avx2 && same "$cc" ./run 5 plain -1
  done
  musl-gcc -static -O1 "-DMODEL=${name}_model" "-I$source_dir/runtime" "$here/train_steps.c" wide/"$name".c -lm \
    -o static || complain "musl-gcc"
  runs avx2 && same "musl" ./static 5 plain -1
}

# gcc keeps to the file's own rules whatever is asked for; clang rounds otherwise, but computes the same.
test_fast() {
  local flags dir
  choose "$examples/lenet5/lenet5.py"
  want 5
  compile "$model" wide --train --target avx2
  for flags in "-Ofast -flto" "-O2 -ffast-math"; do
    # shellcheck disable=SC2086
    must "gcc $flags" gcc $flags "-DMODEL=${name}_model" "-I$source_dir/runtime" "$here/train_steps.c" \
      wide/"$name".c -lm -lpthread -o run && runs avx2 && same "gcc $flags" ./run 5 plain -1
  done
  compile "$model" narrow --train --target sse2
  self_test_program "$name" >self_test.c
  for dir in wide narrow; do
    [ $dir = narrow ] || runs avx2 || continue
    must "clang" clang -Ofast -flto -fuse-ld=lld -I$dir self_test.c $dir/"$name".c -lm -o run &&
      must "clang's -Ofast, $dir" ./run
  done
}

options=()
case $part in
  gcc | clang) test_compiler "$part" ;;
  compilers) test_compilers ;;
  fast) test_fast ;;
  neon) test_neon ;;
  riscv64) test_riscv64 ;;
  portable) test_portable ;;
  mixed)
    choose "$here/networks/mixed.py"
    test_network 12 5
    rm -f reference
    sed 's/SGD(.*)/RMSprop(momentum=0.5, centered=True, clipnorm=0.5)/' "$model" >rms.py
    choose rms.py
    test_optimizer 12
    ;;
  winograd)
    options=(--batch 16)
    choose "$examples/cifar10/model2.py"
    test_network 2 2
    ;;
esac
echo "$count builds and runs give ${wanted%% *}"
finish
