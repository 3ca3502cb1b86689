#!/usr/bin/env bash
# cmake --install: which files there are, and that each does its work from another root.
source "$(dirname "$0")/common.sh" "$@"
rm -rf "$root"
must "install" env DESTDIR="$root" cmake --install "$build_dir" --prefix /usr

# --- the command
must "lathe" "$root/usr/bin/lathe" --version
says "lathe 0"

# --- the program that parses for it
must "convert" "$root/usr/bin/lathe" convert "$source_dir/examples/lenet5/lenet5.py" lenet5.keras
must "summary" "$root/usr/bin/lathe" summary lenet5.keras
says "Total params"
cp "$root/usr/bin/lathe" alone
fails "lathe is not installed as a whole" ./alone summary lenet5.keras

# --- the report's program: the installed one
mkdir data
for batch in data_batch_{1..5} test_batch; do
  head -c $((8 * 3073)) /dev/zero | tr '\0' '\1' >data/$batch.bin
done
printf '#!/bin/sh\nprintf "%%s\\n" "$@"\n' >show && chmod +x show
must "train" "$root/usr/bin/lathe" train "$source_dir/examples/cifar10/model1.py" --data data --epochs 1 -o run
must "report" env LATHE_PYTHON=./show "$root/usr/bin/lathe" report run
says "$root/usr/bin/../share/lathe/python/lathe_nn/report/__main__.py"

# --- the manual page: no warnings, every subcommand and an option of each kind
page=$(find "$root" -name lathe.1)
must "man" man --warnings -l "$page"
[ -z "$(man --warnings -l "$page" 2>&1 >/dev/null)" ] || complain "man warns"
for word in "LATHE TUNE" "-o, --output PATH" "--embed-weights" "--name NAME"; do
  MANWIDTH=200 man -l "$page" | grep -qF -- "$word" || complain "no '$word' in the manual page"
done

# --- the completion: complete WORD... prints what is offered for the last one
complete_words() {
  bash -c 'source "$0"; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lathe; echo "${COMPREPLY[@]}"' \
    "$root/usr/share/bash-completion/completions/lathe" "$@"
}
offers() { # EXPECTED WORD...
  [ "$(complete_words "${@:2}")" = "$1" ] || complain "completion of '${*:2}': $(complete_words "${@:2}")"
}
offers "compile convert" lathe co
offers "--embed-weights" lathe compile model.py --em
offers "--epochs --early-stopping --exact" lathe train --e
offers "" lathe train --epochs --e
offers "" lathe compile mod

# --- pkg-config
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name lathe.pc)")
must "pkg-config" pkg-config --print-errors --exact-version="$("$lathe" --version | cut -d' ' -f2)" lathe
must "lathe by pkg-config" "$(pkg-config --variable=lathe lathe)" --version
printf '#include <lathe_abi.h>\nint main(void) { return LATHE_OK; }\n' >abi.c
must "abi" "$CC" -Wall -Wextra -Wpedantic -Werror abi.c $(pkg-config --cflags lathe) -o abi
must "abi" ./abi
finish
