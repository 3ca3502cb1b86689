# What the shell tests of generated code share.
# Usage: source common.sh NAME LATHE SOURCE: $lathe is the command, $source_dir the repository, the
# working directory an empty folder work/NAME in the build.
set -u
lathe=$2
source_dir=$3
here=$source_dir/tests/codegen
examples=$source_dir/examples
rm -rf "work/$1"
mkdir -p "work/$1"
cd "work/$1" || exit 1
failures=0
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"

complain() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# must WHAT COMMAND...: a command that succeeds and says nothing.
must() {
  local what=$1
  shift
  if ! "$@" >must.log 2>&1 || [ -s must.log ]; then
    complain "$what: $*"
    head -20 must.log >&2
    return 1
  fi
}

# compile MODEL DIR OPTIONS...: lathe compile.
compile() {
  local model=$1 dir=$2
  shift 2
  "$lathe" compile "$model" -o "$dir" "$@" >compile.log 2>&1 && return
  complain "lathe compile $model $*: $(cat compile.log)"
  return 1
}

# runs TARGET: whether this machine runs code for it; says so once where it doesn't.
runs() {
  local flag
  case $1 in
    avx512*) flag=avx512bw ;;
    avx2) flag=avx2 ;;
    *) return 0 ;;
  esac
  grep -qw "$flag" /proc/cpuinfo && return
  echo "SKIPPED: $1, because this machine has no $flag"
  return 1
}

# self_test_program NAME: C that runs training's self-test.
self_test_program() {
  printf '%s\n' "#include \"$1.h\"" '#include <stdlib.h>' \
    'int main(void) {' \
    "    void *state = aligned_alloc(64, ($1_model.state_bytes + 63) / 64 * 64);" \
    "    void *workspace = aligned_alloc(64, ($1_model.workspace_bytes + 63) / 64 * 64);" \
    "    return state && workspace ? $1_self_test(0, state, workspace) : 99;" '}'
}

finish() {
  [ $failures = 0 ] || exit 1
}
