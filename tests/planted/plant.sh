#!/usr/bin/env bash
# Bugs planted on purpose, a patch each in patches/: do random networks find them?
#   plant.sh apply SOURCES                    whether every patch still applies to the sources, and has a network
#                                             in networks.txt
#   plant.sh find SOURCES FOLDER [NAME...]    copies the sources to FOLDER, builds, and for each patch (or those
#                                             named): applies it, builds what it changes, and takes it back; its
#                                             network in networks.txt must disagree with it, and agree without
#   plant.sh search SOURCES FOLDER [NAME...]  likewise, but draws networks until one disagrees that agrees without
#                                             the patch: lines for networks.txt
# find and search want PYTHON (with Keras) in the environment; search draws NETWORKS (300) of SEED (5), of which only
# those are compared for which the patch changes what lathe writes. The status is 1 where a patch does not
# apply, or is not found.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
table=$here/networks.txt
NETWORKS=${NETWORKS:-300}
SEED=${SEED:-5}

apply() {
  local patch name bad=0
  for patch in "$here"/patches/*.patch; do
    name=$(basename "$patch" .patch)
    git -C "$1" apply --check "$patch" || { echo "$name does not apply" && bad=1; }
    [ -n "$(network_of "$name")" ] || { echo "$name has no network in networks.txt" && bad=1; }
  done
  echo "$(ls "$here"/patches/*.patch | wc -l) patches"
  return $bad
}

network_of() {
  sed -n "s/^$1 //p" "$table"
}

# build FOLDER KIND: the programs, which FOLDER/build/KIND keeps
build() {
  cmake --build "$1/build" -j "$(nproc)" --target lathe oracle_interpreted >"$1/build/build.log" 2>&1 &&
    mkdir -p "$1/build/$2" &&
    cp "$1"/build/{lathe,lathe-parse,tests/oracle/oracle_interpreted} "$1/build/$2"
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
  build "$2" unpatched || { tail -20 "$2/build/build.log" && return 1; }
}

# networks FOLDER KIND OPTION...: compares networks with the programs that `build` kept
networks() {
  local programs=$1/build/$2
  mkdir -p "$1/build/networks"
  env LATHE="$programs/lathe" INTERPRETED="$programs/oracle_interpreted" ORACLE_FOLDER="$1/build/networks" \
    LATHE_COMPILED="$1/build/compiled" CC=clang PYTHONDONTWRITEBYTECODE=1 \
    "$PYTHON" "$1/tests/random/run.py" --reduce 0 "${@:3}"
}

# agrees FOLDER NETWORK: without any patch, as the log says
agrees() {
  grep -q "^network $2: .* agree" "$1/build/unpatched.log"
}

# compare_unpatched FOLDER NETWORK...
compare_unpatched() {
  networks "$1" unpatched --only "${@:2}" >"$1/build/unpatched.log" 2>&1 || true
}

disagreement() {
  grep -m 1 -E '^network [0-9]+ FAILED' "$1"
}

# judge_find FOLDER NAME LOG: what became of the patch that is built; found only where it says "found"
judge_find() {
  local network
  network=$(network_of "$2")
  networks "$1" patched --only "$network" >"$3" 2>&1 || true
  if ! disagreement "$3" >/dev/null; then
    echo "NOT found: $(tail -1 "$3")"
  elif ! agrees "$1" "$network"; then
    echo "no verdict: network $network does not agree without the patch"
  else
    echo "found: $(disagreement "$3")"
  fi
}

judge_search() {
  local network skip=0
  while ! networks "$1" patched --any --count "$NETWORKS" --seed "$SEED" --skip "$skip" --first \
    --unlike "$1/build/unpatched/lathe" >"$3" 2>&1; do
    network=$(sed -n 's/^network \([0-9]*\) \(FAILED\|could not\).*/\1/p' "$3")
    if [ -z "$network" ]; then
      echo "the networks did not run: $(tail -1 "$3")" && return
    fi
    compare_unpatched "$1" "$network"
    if disagreement "$3" >/dev/null && agrees "$1" "$network"; then
      echo "found: $(disagreement "$3")" && return
    fi
    skip=$((network - SEED * 1000000 + 1))
  done
  echo "NOT found"
}

# plant FOLDER PATCH JUDGE
plant() {
  local name
  name=$(basename "$2" .patch)
  git -C "$1" apply "$2" || { echo "does not apply" && return; }
  if build "$1" patched; then
    "$3" "$1" "$name" "$1/build/$name.log"
  else
    echo "does not build" && tail -5 "$1/build/build.log"
  fi
  restore "$1"
}

# The patches that are named, or all.
chosen() {
  local name
  if [ $# = 0 ]; then ls "$here"/patches/*.patch; fi
  for name in "$@"; do ls "$here/patches/$name.patch"; done
}

# plant_all JUDGE FOLDER [NAME...]
plant_all() {
  local judge=$1 folder=$2 patches patch name said found=0
  patches=$(chosen "${@:3}")
  for patch in $patches; do
    name=$(basename "$patch" .patch)
    said=$(plant "$folder" "$patch" "$judge")
    echo "$name: ${said:0:200}"
    [[ $said != found:* ]] || found=$((found + 1))
  done
  echo "$found of $(wc -w <<<"$patches") planted bugs found"
  [ $found = "$(wc -w <<<"$patches")" ]
}

find_all() {
  local patches patch seeds=()
  patches=$(chosen "${@:2}")
  for patch in $patches; do seeds+=("$(network_of "$(basename "$patch" .patch)")"); done
  mapfile -t seeds < <(printf '%s\n' "${seeds[@]}" | sort -u)
  compare_unpatched "$1" "${seeds[@]}"
  plant_all judge_find "$@"
}

case ${1-} in
  apply) apply "$2" ;;
  find) copy "$2" "$3"; find_all "${@:3}" ;;
  search) copy "$2" "$3"; plant_all judge_search "${@:3}" ;;
  *) sed -n '2,13s/^# \{0,1\}//p' "$0" && exit 1 ;;
esac
