#!/usr/bin/env bash
# Bugs planted on purpose, a patch each in patches/: do the tests find them?
#   plant.sh apply SOURCES                   whether every patch still applies to the sources
#   plant.sh find SOURCES FOLDER [NAME...]   copies the sources to FOLDER, builds, and for each patch (or those
#                                            named): applies it, builds what it changes, runs random networks until
#                                            one disagrees, and reverses it
# find wants PYTHON (with Keras) in the environment. The status is 1 where a patch does not apply, or is not found.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
NETWORKS=80

apply() {
  local patch bad=0
  for patch in "$here"/patches/*.patch; do
    git -C "$1" apply --check "$patch" || { echo "$(basename "$patch") does not apply" && bad=1; }
  done
  echo "$(ls "$here"/patches/*.patch | wc -l) patches"
  return $bad
}

build() {
  cmake --build "$1/build" -j "$(nproc)" --target lathe oracle_interpreted >"$1/build.log" 2>&1
}

# Of the sources, the parts that are built and the tests that run; a repository of its own, so that patches are
# applied here and nowhere else.
copy() {
  mkdir -p "$2"
  git -C "$1" ls-files -z | (cd "$1" && xargs -0 cp --parents -u -t "$2")
  [ -d "$2/.git" ] || git -C "$2" init -q
  cmake -S "$2" -B "$2/build" -DCMAKE_C_COMPILER=gcc >/dev/null && build "$2" || { tail -20 "$2/build.log" && return 1; }
}

networks() {
  mkdir -p "$1/networks"
  env LATHE="$1/build/lathe" INTERPRETED="$1/build/tests/oracle/oracle_interpreted" ORACLE_FOLDER="$1/networks" \
    CC=clang PYTHONDONTWRITEBYTECODE=1 "$PYTHON" "$1/tests/random/run.py" --count $NETWORKS --seed 1 --first --reduce 0
}

find_all() {
  local folder=$1 patch name bad=0
  shift
  for patch in "$here"/patches/*.patch; do
    name=$(basename "$patch" .patch)
    [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
    git -C "$folder" apply "$patch"
    if ! build "$folder"; then
      echo "$name: does not build" && tail -5 "$folder/build.log" && bad=1
    elif networks "$folder" >"$folder/$name.log" 2>&1; then
      echo "$name: NOT found" && bad=1
    else
      echo "$name: found, $(grep -m 1 -E 'FAILED|could not be compared|Error' "$folder/$name.log")"
    fi
    git -C "$folder" apply --reverse "$patch"
  done
  build "$folder"
  return $bad
}

case ${1-} in
  apply) apply "$2" ;;
  find) copy "$2" "$3" && find_all "${@:3}" ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0" && exit 1 ;;
esac
