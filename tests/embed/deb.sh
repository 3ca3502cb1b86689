#!/usr/bin/env bash
# cpack -G DEB: the package, unpacked into a clean folder, has the command and lathe_add_model.
source "$(dirname "$0")/common.sh" "$@"
must "cpack" cpack -G DEB --config "$build_dir/CPackConfig.cmake" -B "$work/packages"
package=$(echo packages/lathe_*.deb)
# Seconds later: the same bytes.
must "cpack again" cpack -G DEB --config "$build_dir/CPackConfig.cmake" -B "$work/again"
cmp "$package" again/lathe_*.deb || complain "the package has other bytes each time"
dpkg-deb --contents "$package" | grep -q 'share/doc/lathe/sbom.cdx.json' || complain "no list of what is in the package"
must "dpkg-deb" dpkg-deb --info "$package"
says "Package: lathe" "Version: $("$lathe" --version | cut -d' ' -f2)" "libhdf5" "libopenblas" "Recommends: gcc | clang"
dpkg-deb --contents "$package" | awk '$2 != "root/root" || $1 !~ /^(d|-|l)rw[x-]r-[x-]r-[x-]$/' >wrong
[ ! -s wrong ] || complain "owners or modes: $(cat wrong)"

must "unpack" dpkg-deb -x "$package" unpacked
must "lathe" unpacked/usr/bin/lathe compile examples/stripes.py -o out.d
must "convert" unpacked/usr/bin/lathe convert examples/stripes.py stripes.keras
must "read" unpacked/usr/bin/lathe summary stripes.keras
must "cmake" cmake -S examples/cmake -B build "-DCMAKE_PREFIX_PATH=$work/unpacked/usr" "-DCMAKE_C_COMPILER=$CC"
must "cmake" cmake --build build
must "cmake" build/tell
says "drawn horizontal, told horizontal" "drawn vertical, told vertical"
grep -q "$work/unpacked" build/CMakeCache.txt || complain "another lathe was found"
finish
