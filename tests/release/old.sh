#!/usr/bin/env bash
# Files that version 0.1 wrote: weights image, generated code, checkpoint. old.sh LATHE CC SOURCE
source "$(dirname "$0")/../driver/common.sh" "$1" "$2"
source_dir=$3
tar -xJf "$source_dir/tests/release/v0.1.tar.xz"
cd v0.1 || exit 1

# gives TEXT COMMAND...: what the command prints.
gives() {
  local wanted=$1 got
  shift
  got=$("$@" 2>&1)
  [[ $got == *"$wanted"* ]] || complain "$*: '$got' without '$wanted'"
}

# build OUT WORD...
build() {
  local out=$1
  shift
  "$CC" -O1 "$@" -lm -o "$out" 2>err || complain "$out: $(cat err)"
}

# Its code with its image, in a program that knows this version's interface.
build own -include "$source_dir/runtime/lathe_abi.h" use_image.c image.c
gives "$(cat expected.txt)" ./own image.weights
# This version's code with its image.
"$lathe" compile image.py -o new --target c99 >out 2>&1 || complain "compile: $(cat out)"
mkdir code && cp use_image.c new/image.[ch] code
build new/use code/use_image.c code/image.c
gives "$(cat expected.txt)" new/use image.weights
# An image of the next major version, and of a later minor one.
{ head -c 8 image.weights && printf '\2' && tail -c +10 image.weights; } >major.weights
{ head -c 10 image.weights && printf '\1' && tail -c +12 image.weights; } >minor.weights
gives "code 2" new/use major.weights
gives "code 2" ./own major.weights
gives "$(cat expected.txt)" new/use minor.weights

# Its training code under this runtime, its checkpoint under both.
mkdir run && cp checkpoint.safetensors history.csv run
build train -I. "$source_dir/tests/release/use_small.c" small.c "$source_dir"/runtime/*.c -lpthread
gives "step 15, epoch 3" ./train
sed 's/    LATHE_ABI, "small"/    3, "small"/' small.c >newer.c
build newer -I. "$source_dir/tests/release/use_small.c" newer.c "$source_dir"/runtime/*.c -lpthread
gives "small has version 3 of lathe's interface, this runtime version 2" ./newer
resume() { "$lathe" train small.py --data small.npz --batch 8 --seed 4 --target c99 --reproducible --input-scale 255 -o run --resume "$@"; }
resume --epochs 4 >out 2>&1 || complain "resume: $(cat out)"
grep -q '^4,0\.98' run/history.csv || complain "another course: $(cat run/history.csv)"
cmp -s weights.safetensors run/weights.safetensors || echo "the bits of training are no longer those of 0.1"
sed -i 's/"format":"1"/"format":"2"/' run/checkpoint.safetensors
gives "a checkpoint of format 2; this version reads format 1" resume --epochs 5

# Two headers of different interfaces in one file.
printf '#define LATHE_ABI 3\n#include "new/image.h"\n' >two.c
gives "generate both with the same lathe" "$CC" -c two.c -o two.o
finish
