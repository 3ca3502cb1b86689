# What the tests of the command share. Usage: source common.sh; then $lathe is the command, $work an
# empty folder that is removed at the end, and `data` in it a small data set in CIFAR-10's format.
set -u
lathe=$1
export CC=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir tmp
export TMPDIR=$work/tmp
failures=0

complain() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# write_batch FILE LABEL...: a record a label; the pixels depend on the label.
write_batch() {
  local file=$1 label
  shift
  for label in "$@"; do
    printf "\\x$(printf %02x "$label")"
    head -c 3072 /dev/zero | tr '\0' "\\$(printf %o $((40 + 15 * label)))"
  done >"$file"
}

write_data() {
  local folder=$1 i
  mkdir -p "$folder"
  for i in 1 2 3 4 5; do write_batch "$folder/data_batch_$i.bin" 0 1 2 3 4 5 6 7 8 9; done
  write_batch "$folder/test_batch.bin" 9 8 7 6 5 4 3
  printf '%s\n' airplane automobile bird cat deer dog frog horse ship truck >"$folder/batches.meta.txt"
}

# write_model FILE HEIGHT OUTPUTS HIDDEN
write_model() {
  cat >"$1" <<PYTHON
from keras import Sequential
from keras.layers import Dense, Flatten, Input

model = Sequential([
    Input(shape=($2, 32, 3)),
    Flatten(),
    Dense($4, activation="relu"),
    Dense($3, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
PYTHON
}

finish() {
  [ -z "$(ls -A "$TMPDIR")" ] || complain "left in TMPDIR: $(ls -A "$TMPDIR")"
  [ $failures = 0 ] || exit 1
}
