#!/usr/bin/env bash
# examples/embed/cmake with the installed package; what lathe_add_model does besides, and refuses.
source "$(dirname "$0")/common.sh" "$@"
configure() { cmake -S "$1" -B "$1/build" "-DCMAKE_PREFIX_PATH=$root/usr" "-DCMAKE_C_COMPILER=$CC" "${@:2}"; }
build() { cmake --build "$1/build"; }
quiet() { ! grep "lathe compile" out || complain "lathe runs again without a reason"; }

must "example" configure examples/cmake
must "example" build examples/cmake
must "example" ctest --test-dir examples/cmake/build --output-on-failure
must "example" examples/cmake/build/tell
says "drawn horizontal, told horizontal" "drawn vertical, told vertical"

# --- nothing is done twice, and a change of the model is seen
must "again" build examples/cmake
quiet
sed -i 's/8, -8\], \[-8, 8/-8, 8], [8, -8/' examples/stripes.py
must "changed" build examples/cmake
fails "told vertical" examples/cmake/build/tell

# --- every argument; weights in a file, in the library, replaced by none
mkdir all && cp lenet5/lenet5.py all/net.v1.py
cat >all/main.c <<'C'
#include "big.h"
#include "inside.h"
#include "training.h"
int main(void) { return !(BIG_BATCH == 4 && big_model.targets == 2 && !big_model.embedded_weights &&
    inside_model.embedded_weights && TRAINING_STATE_BYTES > 0 && TRAINING_BATCH == 16); }
C
cat >all/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.22)
project(use LANGUAGES C)
find_package(lathe 0.1 REQUIRED)
lathe_add_model(big net.v1.py BATCH 4 TARGET avx512 avx2 OPTIONS --classes classes.txt --seed 3)
lathe_add_model(inside net.v1.py OPTIONS --embed-weights)
lathe_add_model(training net.v1.py BATCH 16 TRAIN)
add_executable(use main.c)
target_link_libraries(use PRIVATE big inside training)
add_custom_command(TARGET use POST_BUILD COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_PROPERTY:big,LATHE_WEIGHTS> .)
CMAKE
printf '%s\n' a b c d e f g h i j >all/classes.txt
must "all arguments" configure all -DCMAKE_BUILD_TYPE=Debug
must "all arguments" build all
must "all arguments" all/build/use
[ "$(stat -c %s all/build/big.weights)" -gt 65536 ] || complain "big.weights: $(ls -l all/build)"
must "again" build all
quiet
echo k >>all/classes.txt
fails "classes" build all

# --- mistakes
refuses() { # TEXT PROJECT-LANGUAGES LINE
  rm -rf bad && mkdir bad
  printf 'cmake_minimum_required(VERSION 3.22)\nproject(bad LANGUAGES %s)\nfind_package(lathe REQUIRED)\n%s\n' "$2" "$3" >bad/CMakeLists.txt
  fails "$1" configure bad
}
refuses "lathe_add_model(a): there is no file" C "lathe_add_model(a none.py)"
refuses "lathe_add_model(a-b): the name becomes part of C symbols" C "lathe_add_model(a-b vgg16)"
refuses "lathe_add_model(a): unexpected 'BATCHES;3'" C "lathe_add_model(a vgg16 BATCHES 3)"
refuses "lathe_add_model(a) needs C" NONE "lathe_add_model(a vgg16)"
finish
