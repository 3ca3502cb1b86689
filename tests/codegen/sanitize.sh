#!/usr/bin/env bash
# Generated code under the address and undefined-behaviour sanitizers, each buffer of exactly the size
# that the interface states.
# Usage: sanitize.sh CC LATHE SOURCE; CC is gcc or clang.
source "$(dirname "$0")/common.sh" "sanitize_$1" "$2" "$3"
cc=$1
flags="-g -O0 -fsanitize=address,undefined -fno-sanitize-recover=all"
# Of two in turn for each compiler, so that each network is seen on each target.
target=avx2
[ "$cc" = gcc ] && runs avx512 && target=avx512
runs "$target" || target=c99

# check SCRIPT TARGET: inference and training with a batch that leaves tails.
check() {
  local name
  name=$(basename "$1" .py)
  for kind in predict train; do
    rm -rf code
    if [ $kind = train ]; then
      compile "$1" code --batch 3 --target "$2" --train || continue
    else
      compile "$1" code --batch 3 --target "$2" || continue
    fi
    # shellcheck disable=SC2086
    must "$name $kind" $cc $flags "-DMODEL=${name}_model" "-I$source_dir/runtime" "$here/sanitize.c" \
      "code/$name.c" -lm -o run || continue
    if [ $kind = train ]; then
      must "$name $2 $kind" ./run
    else
      must "$name $2 $kind" ./run "code/$name.weights"
    fi
  done
}

check "$examples/cifar10/model1.py" "$target"
check "$examples/lenet5/lenet5.py" "$target"
check "$examples/cifar10/convbn.py" "$target"
check "$here/networks/mixed.py" "$target"
check "$here/networks/mixed.py" sse2
check "$examples/lenet5/lenet5.py" c99
finish
