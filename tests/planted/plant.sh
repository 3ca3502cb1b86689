#!/usr/bin/env bash
# Bugs planted on purpose, a patch each in patches/: do random networks find them?
#   plant.sh apply SOURCES                   whether every patch still applies to the sources
#   plant.sh find SOURCES FOLDER [NAME...]   copies the sources to FOLDER, builds, and for each patch (or those
#                                            named): applies it, builds what it changes, runs random networks until
#                                            one disagrees, says which and after how many, and takes it back
# find wants PYTHON (with Keras) in the environment; SEED draws other networks. The status is 1 where a patch does
# not apply, or is not found.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
NETWORKS=80
SEED=${SEED:-5}

apply() {
  local patch bad=0
  for patch in "$here"/patches/*.patch; do
    git -C "$1" apply --check "$patch" || { echo "$(basename "$patch") does not apply" && bad=1; }
  done
  echo "$(ls "$here"/patches/*.patch | wc -l) patches"
  return $bad
}

build() {
  cmake --build "$1/build" -j "$(nproc)" --target lathe oracle_interpreted >"$1/build/build.log" 2>&1
}

# A repository of its own, so that patches are applied here and nowhere else; its index holds the unpatched
# sources, also where an earlier run was interrupted.
restore() {
  git -C "$1" checkout -q -- .
}

copy() {
  mkdir -p "$2/build"
  if [ -d "$2/.git" ]; then restore "$2"; else git -C "$2" init -q; fi
  git -C "$1" ls-files -z | (cd "$1" && xargs -0 cp --parents -u -t "$2")
  git -C "$2" add -A
  cmake -S "$2" -B "$2/build" -DCMAKE_C_COMPILER=gcc >"$2/build/configure.log"
  build "$2" || { tail -20 "$2/build/build.log" && return 1; }
}

networks() {
  mkdir -p "$1/build/networks"
  env LATHE="$1/build/lathe" INTERPRETED="$1/build/tests/oracle/oracle_interpreted" ORACLE_FOLDER="$1/build/networks" \
    LATHE_COMPILED="$1/build/compiled" CC=clang PYTHONDONTWRITEBYTECODE=1 \
    "$PYTHON" "$1/tests/random/run.py" --reduce 0 "${@:2}"
}

# find_one FOLDER PATCH LOG
find_one() {
  git -C "$1" apply "$2" || { echo "does not apply" && return; }
  if ! build "$1"; then
    echo "does not build" && tail -5 "$1/build/build.log"
  elif networks "$1" --any --count $NETWORKS --seed "$SEED" --first >"$3" 2>&1; then
    echo "NOT found"
  elif grep -qE '^network .* (FAILED|could not be compared)' "$3"; then
    echo "found after $(grep -c '^network ' "$3"): $(grep -m 1 -E '^network .* (FAILED|could not)' "$3")"
  else
    echo "the networks did not run" && tail -5 "$3"
  fi
  restore "$1"
}

# Networks that disagree must agree without the patch: else they show another bug.
agree_unpatched() {
  local folder=$1 seed bad=0
  shift
  build "$folder"
  for seed in $(printf '%s\n' "$@" | sort -u); do
    networks "$folder" --only "$seed" >"$folder/build/unpatched.log" 2>&1 || {
      echo "network $seed disagrees without any patch" && bad=1
    }
  done
  return $bad
}

find_all() {
  local folder=$1 patch name said found=0 tried=0 seeds=()
  shift
  for patch in "$here"/patches/*.patch; do
    name=$(basename "$patch" .patch)
    [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
    said=$(find_one "$folder" "$patch" "$folder/build/$name.log")
    echo "$name: $said"
    tried=$((tried + 1))
    [[ $said =~ ^found.*network\ ([0-9]+) ]] || continue
    found=$((found + 1))
    seeds+=("${BASH_REMATCH[1]}")
  done
  agree_unpatched "$folder" "${seeds[@]}"
  echo "$found of $tried planted bugs found"
  [ $found = $tried ]
}

case ${1-} in
  apply) apply "$2" ;;
  find) copy "$2" "$3"; find_all "${@:3}" ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" && exit 1 ;;
esac
