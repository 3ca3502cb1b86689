#!/usr/bin/env bash
# The contract of generated files, as a C compiler, a linker and a caller see it.
# Usage: contract.sh PART LATHE SOURCE; PART is warnings, symbols, bytes, weights, names or fading.
source "$(dirname "$0")/common.sh" "contract_$1" "$2" "$3"
part=$1
models="cifar10/model1 cifar10/model2 lenet5/lenet5 cifar10/convbn"

# for_each COMMAND...: runs COMMAND DIR NAME for every example, for inference and training.
for_each() {
  local model name kind
  for model in $models; do
    name=$(basename "$model")
    for kind in predict train; do
      [ -d $kind/$name ] ||
        compile "$examples/$model.py" $kind/$name $([ $kind = train ] && echo --train) || continue
      "$@" $kind/$name "$name"
    done
  done
}

# Warnings that need no optimisation are the same at every level; gcc's others come with -O1. Newer standards and
# GNU's where LATHE_FULL is set.
check_warnings() {
  local file=$1/$2.c
  must "$file" gcc -std=c99 $warnings -O1 -c "$file" -o out.o
  must "$file" clang -std=c99 $warnings -fopenmp -fsyntax-only "$file"
  must "$file" g++ -x c++ -std=c++11 $warnings -fopenmp -fsyntax-only "$file"
  must "$file" clang++ -x c++ -std=c++11 $warnings -fsyntax-only "$file"
  [ -n "${LATHE_FULL:-}" ] || return 0
  must "$file" gcc -std=gnu17 $warnings -fopenmp -fsyntax-only "$file"
  must "$file" clang -std=gnu17 $warnings -fsyntax-only "$file"
  must "$file" g++ -x c++ -std=c++17 $warnings -fsyntax-only "$file"
  must "$file" clang++ -x c++ -std=c++17 $warnings -fopenmp -fsyntax-only "$file"
}

# A model whose stored example has no finite result.
check_not_finite() {
  compile "$here/networks/not_finite.py" not_finite --train || return
  must "not finite" gcc -std=c99 $warnings -O1 -c not_finite/not_finite.c -o out.o
}

# Every target's text, on one network; plain C99 knows no extension.
check_targets() {
  local target options kind
  for target in avx512 avx2 avx512,avx2,sse2 sse2 c99; do
    for options in "" "--reproducible"; do
      for kind in "" --train; do
        compile "$examples/lenet5/lenet5.py" target --target $target $options $kind || continue
        must "$target $options $kind" gcc -std=c99 $warnings -fsyntax-only target/lenet5.c
        must "$target $options $kind" clang++ -x c++ -std=c++11 $warnings -fsyntax-only target/lenet5.c
      done
    done
  done
  ! grep -q '__attribute__((vector_size' target/lenet5.c || complain "c99 has vector types"
  compile "$examples/lenet5/lenet5.py" target --target neon --train
  must "neon" aarch64-linux-gnu-gcc -std=c99 $warnings -O1 -c target/lenet5.c -o out.o
  must "neon" clang --target=aarch64-linux-gnu -std=c99 $warnings -fsyntax-only target/lenet5.c
  compile "$examples/lenet5/lenet5.py" target --target riscv64 --train
  must "riscv64" riscv64-linux-gnu-gcc -std=c99 $warnings -O1 -c target/lenet5.c -o out.o
  for options in "" "--weights-type f16" "--weights-type bf16"; do
    compile "$examples/lenet5/lenet5.py" target --target wasm $options || continue
    must "wasm" clang --target=wasm32-wasi -std=c99 $warnings -fsyntax-only target/lenet5.c
  done
}

# unexpected OBJECT NAME ALLOWED: external symbols that are neither the model's nor allowed. The
# compilers call memset, memcpy and memmove for loops and structures; all are in every C library.
unexpected() {
  nm -g "$1" | awk '{ print $NF }' |
    grep -vxE "$2_[A-Za-z0-9_]+|sqrtf?|fmaf|memset|memcpy|memmove|__cpu_model|__cpu_indicator_init|_GLOBAL_OFFSET_TABLE_|$3"
}

check_symbols() {
  local dir=$1 name=$2 cc rest
  for cc in gcc clang; do
    must "$dir" $cc -O2 -fno-pie -fstack-usage -Wframe-larger-than=4096 -Werror -c "$dir/$name.c" -o out.o || continue
    rest=$(unexpected out.o "$name" none) && complain "$dir $cc: symbols $rest"
    # Without PIE tables of addresses are read-only data.
    ! nm out.o | grep -E ' [bBdDcC] ' || complain "$dir $cc: mutable globals"
    awk -v f="$dir $cc" '$2 > 4096 || $3 ~ /^dynamic$/ { print f, $0; bad = 1 } END { exit bad }' out.su ||
      complain "$dir $cc: stack"
    must "$dir" $cc -O0 -fopenmp -c "$dir/$name.c" -o out.o || continue
    rest=$(unexpected out.o "$name" '(GOMP|__kmpc)_[a-z0-9_]+|omp_[a-z_]+') &&
      complain "$dir $cc -fopenmp: symbols $rest"
  done
}

# Equal input gives equal bytes, wherever it is run.
check_bytes() {
  local dir=$1 name=$2 file kind=
  case $dir in train*) kind=--train ;; esac
  mkdir -p elsewhere
  (cd elsewhere && cp "$examples"/*/"$name.py" . && compile "$name.py" again $kind && exit $failures) ||
    failures=$((failures + 1))
  for file in "$dir"/*; do
    cmp "$file" "elsewhere/again/$(basename "$file")" || complain "$file is not the same twice"
  done
}

# Two networks in one program; a file for two targets; the header in C++; everything in one file.
check_weights() {
  compile "$examples/cifar10/model1.py" a --batch 5 &&
    compile "$examples/lenet5/lenet5.py" b --batch 3 || return
  must "driver" gcc -O1 -Wall -Wextra -Werror -Ia -Ib "-I$source_dir/runtime" -DFIRST=model1_model \
    -DSECOND=lenet5_model "$here/weights_image.c" a/model1.c b/lenet5.c -lm -o two &&
    must "weights_image" ./two a/model1.weights b/lenet5.weights
  mkdir -p one && compile "$examples/lenet5/lenet5.py" one/lenet5.c --batch 3
  [ "$(ls one)" = lenet5.c ] || complain "one file asked for, got $(ls one)"
  compile "$examples/cifar10/model1.py" single.c --batch 5
  must "single files" clang -O1 "-I$source_dir/runtime" -DFIRST=model1_model -DSECOND=lenet5_model \
    "$here/weights_image.c" single.c one/lenet5.c -lm -o single && must "single files" ./single none none
  runs avx512 && compile "$examples/cifar10/model1.py" both --batch 5 --target avx512,avx2 &&
    must "two targets" gcc -O1 "-I$source_dir/runtime" -DFIRST=model1_model -DSECOND=lenet5_model \
      "$here/weights_image.c" both/model1.c one/lenet5.c -lm -o both.run &&
    must "two targets" ./both.run both/model1.weights none
  for cc in gcc clang; do
    compile "$examples/cifar10/model1.py" assembled --batch 5 --embed-weights &&
      must "assembled weights" $cc -O1 -Wa,-I,assembled "-I$source_dir/runtime" -DFIRST=model1_model \
        -DSECOND=lenet5_model "$here/weights_image.c" assembled/model1.c assembled/model1_weights.S \
        one/lenet5.c -lm -o assembled.run && must "assembled weights" ./assembled.run none none
  done
  printf '%s\n' '#include "model1.h"' '#include "lenet5.h"' \
    'int main() { return model1_model.abi == lenet5_model.abi && MODEL1_BATCH == 5 ? 0 : 1; }' >user.cc
  must "from C++" g++ -std=c++11 $warnings -Ia -Ib -c user.cc -o user.o
  must "from C++" gcc -O1 -c a/model1.c -o model1.o
  must "from C++" gcc -O1 -c b/lenet5.c -o lenet5.o
  must "from C++" g++ user.o model1.o lenet5.o -lm -o user && must "from C++" ./user
}

# check_self_test MODEL TARGET [CC [EMULATOR...]]: training's self-test.
check_self_test() {
  local name model=$1 target=$2 cc=${3:-gcc}
  shift $(($# < 3 ? $# : 3))
  name=$(basename "$model" .py)
  compile "$model" self --train --target "$target" || return
  self_test_program "$name" >self.c
  must "self-test" "$cc" -O0 -Iself self.c "self/$name.c" -lm -o self.run && must "self-test $model $target" "$@" ./self.run
}

check_self_tests() {
  local model target
  for target in avx512 avx2 sse2 c99; do
    runs $target || continue
    for model in $models; do check_self_test "$examples/$model.py" $target; done
  done
  model=$examples/lenet5/lenet5.py
  check_self_test "$model" neon aarch64-linux-gnu-gcc qemu-aarch64 -L /usr/aarch64-linux-gnu
  check_self_test "$model" riscv64 riscv64-linux-gnu-gcc qemu-riscv64 -L /usr/riscv64-linux-gnu
}

# Names of files and layers that mean something in C.
check_names() {
  local file name kind
  for file in int my-model été lathe lathe_init 3x "a b" _ \
    "$(printf 'very_long_%.0s' 1 2 3 4 5 6 7 8 9 10)"; do
    cp "$here/networks/names.py" "$file.py"
    for kind in "" --train; do
      rm -rf names
      compile "$file.py" names $kind || continue
      name=$(basename names/*.c .c)
      must "$file" gcc -std=c99 -trigraphs $warnings -Wno-trigraphs -O1 -c "names/$name.c" -o out.o
      must "$file" clang++ -x c++ -std=c++11 $warnings -fsyntax-only "names/$name.c"
      nm -g out.o | grep -q " ${name}_model$" || complain "$file: no ${name}_model in $name.c"
    done
  done
}

# Sums of gradients that have stayed away for long are 0, not subnormal numbers, which are slow.
check_fading() {
  local optimizer
  for optimizer in adam rmsprop sgd; do
    compile "$here/networks/fading.py" $optimizer --model $optimizer --train --batch 8 || continue
    must $optimizer gcc -O1 -DMODEL=fading_model -I$optimizer "-I$source_dir/runtime" $optimizer/fading.c \
      "$here/train_steps.c" -lm -lpthread -o $optimizer/run || continue
    $optimizer/run 2000 plain -1 >$optimizer/tensors
    python3 - $optimizer/tensors <<'PYTHON' || complain "$optimizer"
import array, sys
numbers = array.array("f", open(sys.argv[1], "rb").read())
zero, subnormal = sum(x == 0 for x in numbers), sum(0 < abs(x) < 1.17549435e-38 for x in numbers)
print("%s: of %d numbers %d are 0 and %d subnormal" % (sys.argv[1], len(numbers), zero, subnormal))
sys.exit(subnormal > 0 or zero < len(numbers) / 4)
PYTHON
  done
}

case $part in
  warnings) for_each check_warnings && check_targets && check_not_finite ;;
  symbols) for_each check_symbols ;;
  bytes) for_each check_bytes ;;
  weights) check_weights && check_self_tests ;;
  names) check_names ;;
  fading) check_fading ;;
esac
finish
