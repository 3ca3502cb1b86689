#!/usr/bin/env bash
# The program of examples/embed that trains: the three lines of README.md work as they stand (on a
# small data set).
source "$(dirname "$0")/common.sh"
source_dir=$3
write_data data
mkdir -p copy/examples
cp -r "$source_dir/examples/embed" "$source_dir/examples/cifar10" copy/examples/
ln -s "$source_dir/runtime" "$source_dir/templates" copy/
sed -n '/^## A program that trains/,$p' copy/examples/embed/README.md | sed -n '/^```sh$/,/^```$/p' | grep -v '^```' |
  sed "s|^cc |$CC |; s| DATA 10 | $work/data 2 |" >lines
[ "$(wc -l <lines)" = 3 ] || complain "README.md has not three lines: $(cat lines)"
mkdir bin && ln -s "$lathe" bin/lathe
(cd copy/examples/embed && PATH=$work/bin:$PATH bash -e "$work/lines") >out 2>err || complain "embed: $(cat err)"
grep -q '^epoch 2: loss ' out || complain "embed printed: $(cat out)"
"$lathe" evaluate copy/examples/cifar10/model1.py --data data \
  --weights copy/examples/embed/weights.safetensors >out 2>err || complain "evaluate: $(cat err)"
finish
