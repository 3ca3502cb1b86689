#!/usr/bin/env bash
# Code for a Cortex-M: built by arm-none-eabi-gcc, run in qemu's mps2-an386 board.
# Usage: cortexm.sh LATHE CC SOURCE BUILD
source "$(dirname "$0")/common.sh" "$@"
here=$(cd "$(dirname "$0")" && pwd)
board=$examples/cortexm
m4="-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16"
strict="-O2 -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror"

# near WHAT IS SHOULD: within 5 %.
near() {
  awk -v is="$2" -v should="$3" 'BEGIN { exit !(should > 0 && is >= 0.95 * should && is <= 1.05 * should) }' ||
    complain "$1: $2 instead of $3"
}

# cross_compile MODEL DIR OPTIONS...: lathe compile; printed are then $flash, $ram and $stack.
cross_compile() {
  local model=$1 dir=$2
  shift 2
  must "lathe compile $model" "$lathe" compile "$model" --target c99 -o "$dir" "$@"
  read -r flash ram stack < <(sed -n 's/^flash [a-z ]*\([0-9]*\) bytes (.* RAM \([0-9]*\) bytes, stack [a-z ]*\([0-9]*\) .*/\1 \2 \3/p' out)
  [ -n "${stack:-}" ] || complain "$model: no flash, RAM and stack in: $(cat out)"
}

# sizes ELF MORE: flash and RAM of a program against what was printed; MORE bytes of its RAM are not the
# network's. Nothing is copied to RAM: there is no data.
sizes() {
  local text data bss
  read -r text data bss _ < <(arm-none-eabi-size "$1" | tail -n 1)
  near "$1: flash" "$flash" "$text"
  near "$1: RAM" "$ram" $((bss - $2))
  [ "$data" = 0 ] || complain "$1: $data bytes of data"
  ! arm-none-eabi-nm "$1" | grep -E ' _?(malloc|free|printf|puts|sbrk|errno|impure_ptr|exit|init_array|_aeabi_d[a-z]*)$' ||
    complain "$1 has more of libc than memory and math"
}

# deep WHAT FRAMES: the stack that board_stack_used found; FRAMES has those of the program around the call.
deep() {
  local used
  used=$(sed -n 's/^stack:\{0,1\} 0*\([0-9]*\).*/\1/p' out)
  near "$1: stack" "$stack" $((used - $(awk -F '\t' '$1 ~ /:(main|board_start)$/ { n += $2 } END { print n }' "$2"/*.su)))
}

# needs_little OBJECT: only functions that every C library has for memory and numbers.
needs_little() {
  local rest
  rest=$(arm-none-eabi-nm -u "$1" | awk '{ print $NF }' | grep -vxE 'mem(cpy|set|move)|(sqrt|fabs|copysign|fma)f|[a-z0-9]*_image')
  [ -z "$rest" ] || complain "$1 needs $rest"
}

# The example: its answers are bit by bit those of the same C on this machine.
run_example() { # OPTIONS...
  local host=host.$#
  cross_compile lenet5/lenet5.py "$board" --embed-weights "$@"
  touch "$board/lenet5.c" # is not written again
  must "make $*" make -C "$board" "CFLAGS=$strict -fstack-usage"
  must "run $*" timeout 100 make -s -C "$board" run </dev/null
  sizes "$board/lenet5.elf" $((2048 + 4 * (784 + 10)))
  deep "lenet5 $*" "$board"
  needs_little "$board/lenet5.o"
  grep -v '^stack' out >there
  # shellcheck disable=SC2086
  must "host" "$CC" $strict -I "$board" -Wa,-I,"$board" "$board"/{main,lenet5}.c "$board/lenet5_weights.S" \
    "$here/firmware/board.c" -lm -o "$host"
  must "host" "./$host"
  grep -v '^stack' out | cmp - there || complain "other bits than on this machine: $(cat there)"
  [ "$(wc -l <there)" = 11 ] && grep -q '^self-test passed' there || complain "printed: $(cat there)"
}

# run_network MODEL: any network, by its self-test.
run_network() {
  local name
  name=$(basename "$1" .py)
  cross_compile "$1" "$name" --embed-weights
  # shellcheck disable=SC2086
  (cd "$name" && must "$name" arm-none-eabi-gcc $m4 $strict -fstack-usage -I "$board" -I . \
    "-DHEADER=\"$name.h\"" "-DNETWORK=$name" "-DCAPITALS=${name^^}" -nostartfiles -Wl,-z,noexecstack \
    -T "$board/mps2-an386.ld" "$here/firmware/main.c" "$board/board.c" "$name.c" "$name"_weights.S -lm -o "$name.elf" &&
    exit $failures) || complain "$name"
  must "run $name" timeout 100 qemu-system-arm -M mps2-an386 -display none -monitor none -serial stdio \
    -semihosting -kernel "$name/$name.elf" </dev/null
  sizes "$name/$name.elf" 2048
  deep "$name" "$name"
  # Without a compiler an estimate of the flash, which says that it is one.
  CC=arm-none-eabi-missing cross_compile "$1" "$name" --embed-weights
  says "flash about" "estimated, without arm-none-eabi-gcc"
  near "$name: estimated flash" "$flash" "$(arm-none-eabi-size "$name/$name.elf" | awk 'NR == 2 { print $1 }')"
}

run_example --reproducible
run_example
for cpu in "cortex-m7 -mfpu=fpv5-sp-d16" cortex-m55; do
  # shellcheck disable=SC2086
  must "$cpu" arm-none-eabi-gcc -mcpu=$cpu -mthumb -mfloat-abi=hard $strict -ffreestanding -c "$board/lenet5.c" -o cpu.o
  needs_little cpu.o
done
CC="arm-none-eabi-gcc -mcpu=cortex-m55 -mfloat-abi=hard" cross_compile lenet5/lenet5.py m55
says "-mcpu=cortex-m55"
near "m55: flash" "$flash" $(($(arm-none-eabi-size cpu.o | awk 'NR == 2 { print $1 }') + $(stat -c %s m55/lenet5.weights)))
run_network "$here/firmware/mobile.py"
run_network "$source_dir/examples/cifar10/model1.py"
must "another target" "$lathe" compile lenet5/lenet5.py --target sse2 -o sse2
! grep -q '^flash' out || complain "sse2 has a line for Cortex-M"
finish
