#!/usr/bin/env bash
# examples/embed/cmake where lathe is not installed, and so becomes a part of the project. Usage: fetch.sh
# LATHE CC SOURCE BUILD PART; PART is configure, or build, which compiles all of lathe.
source "$(dirname "$0")/common.sh" "$@"
must "configure" cmake -S examples/cmake -B build "-DCMAKE_C_COMPILER=$CC" -DCMAKE_DISABLE_FIND_PACKAGE_lathe=ON \
  "-DFETCHCONTENT_SOURCE_DIR_LATHE=$source_dir"
(cd build && ctest -N) >out
says "Total Tests: 1" # lathe's own stay out
if [ "$5" = build ]; then
  must "build" cmake --build build
  must "run" build/tell
  says "drawn horizontal, told horizontal" "drawn vertical, told vertical"
fi
finish
