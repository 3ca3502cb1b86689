#!/usr/bin/env bash
# Folders of examples/embed as they stand, with what is installed. Usage: examples.sh LATHE CC SOURCE
# BUILD PART; PART is cpp, make or several.
source "$(dirname "$0")/common.sh" "$@"
export PATH=$root/usr/bin:$PATH CMAKE_PREFIX_PATH=$root/usr CXX
case $(basename "$CC") in clang*) CXX=clang++ ;; *) CXX=g++ ;; esac
strict="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"

with_cmake() { # FOLDER FLAGS
  must "$1" cmake -S "examples/$1" -B "$1.build" "-DCMAKE_C_FLAGS=$strict $2" "-DCMAKE_CXX_FLAGS=$strict $2"
  must "$1" cmake --build "$1.build"
  must "$1" ctest --test-dir "$1.build" -V
}

check_cpp() {
  with_cmake cpp ""
  says "drawn horizontal, told horizontal" "drawn vertical, told vertical"
}

check_several() {
  with_cmake several "-fsanitize=thread -g"
  says "stripes and digits: self-tests passed" "0 wrong answers"
  fails "not the weights of this network" several.build/several lenet5/lenet5.py lenet5/lenet5.py
}

check_make() {
  must "make" make -C examples/make CC="$CC" CFLAGS="-O2 $strict" check
  must "make again" make -C examples/make CC="$CC" check
  ! grep -q compile out || complain "make compiles again without a reason"
  touch -d '+2 seconds' examples/stripes.py
  must "make after a change" make -C examples/make CC="$CC" check
  says "lathe compile"
  fails "no drawing of 8 lines of 8 characters" examples/make/tell <lenet5/lenet5.py
}

"check_$5"
finish
