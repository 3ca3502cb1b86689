#!/usr/bin/env bash
# Kernels of 16 bits: half the file, results within the stated error of the floats', the same bits on every
# target, images of another type refused, numbers that do not fit named.
# Usage: halves.sh PART LATHE SOURCE; PART is f16 or bf16.
source "$(dirname "$0")/common.sh" "halves_$1" "$2" "$3"
type=$1
# Largest difference over largest result, after 6 layers.
tolerance=$([ "$type" = f16 ] && echo 1e-3 || echo 1e-2)
cp "$here/networks/halves.py" .

# build DIR CC OPTIONS...: the program DIR/run.
build() {
  local dir=$1
  shift
  must "$dir" "$@" $warnings -O1 -c "$dir/halves.c" -o "$dir/halves.o" &&
    must "$dir" "${link:-gcc}" -O1 -Wall -Wextra -Werror "-I$source_dir/runtime" -DMODEL=halves_model \
      "$here/halves.c" "$dir/halves.o" -lm ${link:+-static} -o "$dir/run"
}

# same DIR COMMAND...: the command's results have the bits of plain C.
same() {
  local dir=$1
  shift
  "$@" "$dir/halves.weights" >"$dir/results" || complain "$dir: $*"
  cmp c99/results "$dir/results" || complain "$dir has other bits"
}

compile halves.py floats --batch 5 && build floats gcc -std=c99 || exit 1
./floats/run floats/halves.weights >floats/results || complain "floats"
compile halves.py c99 --batch 5 --weights-type "$type" --target c99 --reproducible && build c99 gcc -std=c99 || exit 1
same c99 ./c99/run
for target in avx512 avx2 sse2; do
  compile halves.py $target --batch 5 --weights-type "$type" --target $target --reproducible || continue
  for cc in "clang -std=gnu17" "clang++ -x c++ -std=c++11" "g++ -x c++ -std=c++17" "gcc -std=c99"; do
    # shellcheck disable=SC2086
    build $target $cc
  done
  runs $target && same $target ./$target/run
done
compile halves.py neon --batch 5 --weights-type "$type" --target neon && link=aarch64-linux-gnu-gcc &&
  build neon clang --target=aarch64-linux-gnu -std=c99 && build neon aarch64-linux-gnu-gcc -std=c99 &&
  same neon qemu-aarch64 ./neon/run

size=$(stat -c %s c99/halves.weights) whole=$(stat -c %s floats/halves.weights)
[ $((size * 100)) -lt $((whole * 52)) ] || complain "$size bytes are not half of $whole"
./c99/run floats/halves.weights >/dev/null 2>&1 && complain "took an image of floats"
awk -v t=$tolerance 'NR == FNR { a[FNR] = $2; next }
  { d = a[FNR] - $2; d = d < 0 ? -d : d; m = $2 < 0 ? -$2 : $2; worst = d > worst ? d : worst; most = m > most ? m : most }
  END { print "error", worst / most; exit !(FNR > 0 && worst > 0 && worst <= t * most) }' \
  floats/results c99/results || complain "$type is not within $tolerance of floats, or is the same"

# refused WORDS OPTIONS...: an error that says WORDS and writes nothing.
refused() {
  local words=$1
  shift
  ! "$lathe" compile "$@" -o refused >refused.log 2>&1 || complain "accepted: $*"
  grep -q "$words" refused.log || complain "$*: $(cat refused.log)"
  [ ! -e refused ] || complain "wrote something: $*"
}
refused "goes with inference" halves.py --train --weights-type "$type"
refused "accepted: f32, f16, bf16" halves.py --weights-type f8
cat >large.py <<'PY'
from keras import Sequential
from keras.initializers import Constant
from keras.layers import Dense, Input

model = Sequential([Input((4,)), Dense(3, kernel_initializer=Constant(65521.0), name="steep")])
PY
[ "$type" = bf16 ] || refused "steep/kernel" large.py --weights-type f16
finish
