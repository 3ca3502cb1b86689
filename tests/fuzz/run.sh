#!/usr/bin/env bash
# Runs a fuzz target for $LATHE_FUZZ_SECONDS (20) seconds: run.sh TARGET SEEDS CORPUS RUNS. Inputs that reach
# something new are kept in CORPUS, from which the next run goes on. A crash, a leak, more than 5 seconds or
# more than 1 GB of memory ends it with a message that says how to repeat it. Up to 20 seconds it is RUNS inputs
# at most.
# run.sh TARGET SEEDS CORPUS 0 MUTATOR...: runs it once over the files that MUTATOR SEEDS CORPUS COUNT makes, 1,000 for
# each second.
set -u
target=$1 seeds=$2 corpus=$3 runs=$4
shift 4
limits=(-rss_limit_mb=1024 -malloc_limit_mb=1024)
seconds=${LATHE_FUZZ_SECONDS:-20}
options=(-max_total_time="$seconds" -timeout=5 -max_len=1000000 -artifact_prefix="$corpus-"
  -verbosity=0 -print_final_stats=1)
[ ! -f "$seeds.dict" ] || options+=(-dict="$seeds.dict")
mkdir -p "$corpus"
# Short runs look for the same every time, and no faster machine looks further. libFuzzer takes a folder in the order
# in which the disk has it, and makes inputs of numbers that were compared, addresses among them.
inputs=("$corpus" "$seeds")
same_addresses=()
if [ $# -gt 0 ]; then
  rm -rf "$corpus"
  "$@" "$seeds" "$corpus" $((seconds > 20 ? 1000 * seconds : 20000)) || exit
  options+=(-runs="$runs")
  inputs=("$corpus")
elif [ "$seconds" -le 20 ]; then
  find "$seeds" -type f | LC_ALL=C sort | tr '\n' , >"$corpus.list"
  options+=(-seed=1 -runs="$runs" -reload=0 -seed_inputs="@$corpus.list")
  inputs=("$corpus")
  ! setarch -R true 2>/dev/null || same_addresses=(setarch -R)
fi
# What the address sanitizer keeps back of freed memory counts as memory too.
export ASAN_OPTIONS=quarantine_size_mb=64 LLVM_PROFILE_FILE=/dev/null

"${same_addresses[@]}" "$target" "${limits[@]}" "${options[@]}" "${inputs[@]}" && exit
found=$(ls -t "$corpus"-* 2>/dev/null | head -1)
# libFuzzer's clock goes on while the machine does something else: what took long is timed by the processor.
if [[ $found == "$corpus"-timeout-* ]] && (ulimit -t 5 && "$target" "${limits[@]}" -timeout=100 "$found"); then
  echo "$found took long, but not of the processor"
  rm "$found"
  exit
fi
echo "to repeat it: ASAN_OPTIONS=$ASAN_OPTIONS $target ${limits[*]} -timeout=5 $found"
exit 1
