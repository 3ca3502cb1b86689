# What the tests of embedding share. Usage: source common.sh LATHE CC SOURCE BUILD; then, besides what
# ../driver/common.sh gives, $source_dir and $build_dir are lathe's, $examples is examples/embed, and
# $root is the folder that embed_install filled as the root of a machine.
source "$(dirname "${BASH_SOURCE[0]}")/../driver/common.sh" "$1" "$2"
source_dir=$3 build_dir=$4
root=$build_dir/tests/embed/root
mkdir examples && cp -r "$source_dir/examples/embed/." examples && cp -r "$source_dir/examples/lenet5" .
examples=$work/examples

# must TEXT COMMAND...: the command succeeds; what it printed is in `out`.
must() {
  local text=$1
  shift
  "$@" >out 2>&1 || complain "$text: $(tail -n 20 out)"
}

# says TEXT...: `out` has these lines.
says() {
  local text
  for text in "$@"; do grep -qF -- "$text" out || complain "no '$text' in: $(tail -n 20 out)"; done
}

# fails TEXT COMMAND...: the command fails and says TEXT.
fails() {
  local text=$1
  shift
  ! "$@" >out 2>&1 || complain "succeeds: $*"
  tr -s ' \n' ' ' <out | grep -qF -- "$text" || complain "no '$text' in what '$*' says: $(tail -n 20 out)"
}
