#!/usr/bin/env bash
# Bad input: one clear message, exit status 1, nothing half-written.
source "$(dirname "$0")/common.sh"
write_data data
write_model good.py 32 10 16
write_model tall.py 28 10 16
write_model three.py 32 3 16
write_model wide.py 32 10 100

# refuses TEXT COMMAND...: the command must end with status 1 and say TEXT, and leave no folder `run`.
refuses() {
  local text=$1 status
  shift
  "$@" >out 2>err
  status=$?
  [ $status = 1 ] || complain "status $status instead of 1: $*"
  grep -qF -- "$text" err || complain "no '$text' in what '$*' says: $(head -c 600 err)"
  [ ! -e run ] || complain "left a folder: $*"
  rm -rf run
}
train() { refuses "$1" "$lathe" train "$2" --data "$3" -o run "${@:4}"; }

# --- the command line
refuses "usage: lathe" "$lathe"
refuses "unknown subcommand 'trian'; did you mean 'train'?" "$lathe" trian
refuses "unknown subcommand 'xyz'; see lathe --help" "$lathe" xyz
refuses "unknown option '--eposh'; did you mean '--epochs'?" "$lathe" train good.py --eposh 3
refuses "unknown option '-x'" "$lathe" train good.py -x
refuses "lathe train needs more" "$lathe" train
refuses "unexpected 'more'" "$lathe" train good.py more
refuses "--epochs needs a value" "$lathe" train good.py --epochs
refuses "--epochs is given twice" "$lathe" train good.py --epochs 1 --epochs 2
refuses "--resume takes no value" "$lathe" train good.py --resume=yes
for number in 0 -1 1x 99999999999999999999 ""; do
  refuses "--batch" "$lathe" train good.py --data data -o run --batch "$number"
done
refuses "needs --data" "$lathe" train good.py -o run
refuses "needs -o RUN" "$lathe" train good.py --data data
refuses "does not go with --seeds" "$lathe" train good.py --data data -o run --seeds 2 --resume
train "--validate takes" good.py data --validate 1.5
train "--validate takes" good.py data --validate tset
train "leaves one part empty" good.py data --validate 0.999
refuses "most of it in layer dense_1" "$lathe" compile good.py --batch 64 -o run --max-memory 100000
refuses "--weights-type f16 with --batch 1 would fit" "$lathe" compile good.py --batch 64 -o run --max-memory 120000
refuses "--batch 32 would fit" "$lathe" compile good.py --batch 64 -o run --max-memory 600000
refuses "would need" "$lathe" compile good.py -o run --max-memory 1000
refuses "no batch would fit" "$lathe" compile good.py --train -o run --max-memory 1000
"$lathe" compile good.py -o run --max-memory 1000000 >/dev/null || complain "--max-memory that is enough"
rm -rf run
"$lathe" summary good.py --cost | grep -q "^avx512 *[0-9]" || complain "summary --cost"
"$lathe" summary good.py --cost --train | grep -q "a training step: [0-9]* multiply-adds" || complain "summary --cost --train"
for command in compile train evaluate predict summary inspect bench; do
  "$lathe" $command --help | grep -q "usage: lathe $command" || complain "lathe $command --help"
done
refuses "'Conv3D' is not supported; did you mean 'Conv1D'?" "$lathe" layers Dense Conv3D
refuses "'xyz' is not supported; see lathe layers" "$lathe" layers --onnx xyz
[ "$("$lathe" layers keras.layers.Rescaling)" = "keras.layers.Rescaling(scale, offset)" ] || complain "lathe layers NAME"
[ "$("$lathe" layers mse Flatten | wc -l)" = 2 ] || complain "lathe layers of two names"
"$lathe" layers --onnx | grep -qx "GridSample: not supported; use Resize" || complain "lathe layers --onnx"
for name in 1st a-b lathe_net "$(printf 'x%.0s' {1..65})"; do
  refuses "--name takes at most 64 letters" "$lathe" compile good.py -o run --name "$name"
done
"$lathe" compile good.py -o named --name Other_2 >out 2>err && [ -f named/Other_2.weights ] &&
  grep -q "int Other_2_weights_open(" named/Other_2.h || complain "--name: $(cat err)"

# Options that do not go together, and values that they do not take.
compile() { refuses "$1" "$lathe" compile "${@:2}" -o run; }
compile "unknown type of weights 'f8'; accepted: f32, f16, bf16" good.py --weights-type f8
compile "--weights-type goes with inference" good.py --train --weights-type f16
compile "--layers goes with inference and a folder" good.py --train --layers
compile "--python goes with inference and a folder" good.py --python --embed-weights
refuses "the Python module would overwrite ./good.py" "$lathe" compile ./good.py --python -o .
compile "--shorter goes with --resize" good.py --shorter 40
compile "--shorter takes at most" good.py --resize box --shorter 99999999
compile "--resize cubic: accepted are nearest, box, bilinear" good.py --resize cubic
compile "--preprocess and --resize go with inference" good.py --train --preprocess tf
compile "there is no preprocessing 'tff'" good.py --preprocess tff
compile "there is no preprocessing '1,0'" good.py --preprocess 1,0
compile "--classes imagenet has 1000 names, the model's output 10 numbers" good.py --classes imagenet
compile "names: No such file" good.py --classes names
train "--input-scale takes a positive number, not '0'" good.py data --input-scale 0
compile "--learning-rate takes a number above 0, not '1e'" good.py --train --learning-rate 1e
for weights in 1 1:x 1:-2 x:1; do
  train "--class-weight takes CLASS:WEIGHT" good.py data --class-weight "$weights"
done
refuses "the module has no function 'evel'; did you mean 'eval'?" "$lathe" inspect good.py --train evel
refuses "there are no published weights of 'vgg'" "$lathe" fetch vgg
# ... while every built-in network has some.
names() { sed -n '/^ *\(accepted\|built in\):/,$p' err | tr -cs 'a-z0-9_' '\n' | grep -vxE 'accepted|built|in|' | sort; }
names >published
refuses "built in: " "$lathe" summary alexnet
[ "$(names | comm -23 - published)" = "" ] && [ "$(names | wc -l)" -gt 30 ] || complain "fetch has no $(names | comm -23 - published)"
refuses "HOME is not set: say where the file goes with -o DIR" env -u HOME "$lathe" fetch vgg16
refuses "cannot make the folder" "$lathe" fetch vgg16 -o /dev/null/weights
echo 'a
b' >two && compile "--classes two has 2 names, the model's output 10 numbers" good.py --classes two
cat >flat.py <<'PYTHON'
from keras import Sequential
from keras.layers import Dense, Input

model = Sequential([Input((4,)), Dense(2)])
PYTHON
compile "--resize is for a model whose only input is an image" flat.py --resize box
compile "preprocessing needs a model whose only input is an image of 3 channels, not (None, 4)" flat.py --preprocess tf

plain() { refuses "$1" "$lathe" compile good.py --plain "${@:2}"; }
plain "--plain goes with --train" -o run.c
plain "--plain writes one file: -o FILE.c" --train -o run
plain "--plain does not go with --target" --train -o run.c --target c99
plain "--plain does not go with --weights" --train -o run.c --weights w.safetensors
plain "categorical cross-entropy" --train -o run.c --loss mse
[ ! -e run.c ] || complain "--plain wrote a file after an error"

# --- the model
refuses "no built-in network of this name; did you mean 'resnet50'" "$lathe" summary resnet5
refuses "built in: " "$lathe" summary alexnet
refuses "cannot open the file" "$lathe" summary zoo/vgg16
"$lathe" summary ResNet50_v2 | grep -q '"resnet50v2"' || complain "a built-in name in another spelling"
mkdir resnet50 && refuses "cannot read" "$lathe" summary resnet50
train "none.py" none.py data
for pipe in pipe.py pipe.h5 pipe.keras pipe.json pipe.onnx pipe.safetensors; do mkfifo $pipe; done
for pipe in pipe.py pipe.h5 pipe.keras pipe.json pipe.onnx; do
  refuses "not a regular file" timeout 20 "$lathe" summary $pipe
done
printf 'model = 1 +\n' >syntax.py
train "syntax.py:1" syntax.py data

# --- the data
train "no such data set" good.py nowhere
mkdir empty
train "no known data set" good.py empty
write_data missing && rm missing/data_batch_3.bin
train "data_batch_3.bin: No such file" good.py missing
write_data cut && truncate -s 5000 cut/data_batch_2.bin
train "data_batch_2.bin: truncated" good.py cut
write_data labels && write_batch labels/data_batch_1.bin 0 12
train "label 12 of record 1 is out of range" good.py labels
train "label 3 of sample 3 is out of range: the model tells classes 0 to 2 apart" three.py data
train "shape (32, 32, 3), but the model's input is (28, 32, 3)" tall.py data
write_data black
for file in black/*.bin; do head -c 3073 /dev/zero >"$file"; done
train "all pixels of the training set are zero" good.py black

# --- the machine
refuses "cannot make the folder" "$lathe" train good.py --data data -o /dev/null/run
CC=false train "the C compiler 'false' failed with exit status 1" good.py data
CC=/no/such/cc train "CC is '/no/such/cc', which is not there" good.py data
mkdir no_programs
program=$(command -v "$lathe")
refuses "no C compiler: none of cc, gcc, clang" env -u CC PATH="$work/no_programs" "$program" train good.py --data data -o run
TMPDIR=/no/such/folder train "cannot make a folder in /no/such/folder" good.py data

# A signal while the C compiler runs, in whichever thread: the compiler ends its work, then the signal counts.
cat >stopped_cc <<SCRIPT
#!/bin/sh
kill -TERM \$PPID
sleep 0.2
$CC "\$@" && touch "$work/compiled"
SCRIPT
chmod +x stopped_cc
CC=$work/stopped_cc "$lathe" bench good.py --runs 1 >out 2>err
[ $? = 143 ] || complain "a signal while the C compiler runs: $(cat err)"
[ -f compiled ] || complain "the signal did not wait for the C compiler"
[ -z "$(ls -A "$TMPDIR")" ] || complain "the signal left $(ls -A "$TMPDIR")"

# A full disk: files end at 1 MB, less than the checkpoint of `wide`. The run folder stays, but holds
# only whole files.
(
  trap '' XFSZ
  ulimit -f 1000
  "$lathe" train wide.py --data data --epochs 1 -o full >out 2>err
)
[ $? = 1 ] || complain "a full disk is not an error"
grep -q "cannot write full/checkpoint.safetensors: File too large" err || complain "full disk: $(cat err)"
[ "$(ls full | sort | tr '\n' ' ')" = "data.txt history.csv wide.py " ] || complain "full disk left: $(ls full)"

# --- weights, predictions
"$lathe" train good.py --data data --epochs 1 -o trained >out 2>err || complain "training: $(cat err)"
weights=trained/weights.safetensors
refuses "No such file" "$lathe" evaluate good.py --weights none --data data
refuses "give them by --weights" "$lathe" evaluate good.py --data data
refuses "needs --data" "$lathe" evaluate good.py --weights $weights
head -c 5000 $weights >cut.safetensors
refuses "cut.safetensors: truncated" "$lathe" evaluate good.py --weights cut.safetensors --data data
refuses "shape [3072, 16], but the model's is [3072, 100]" "$lathe" evaluate wide.py --weights $weights --data data
refuses "pipe.safetensors: not a regular file" timeout 20 "$lathe" evaluate good.py --weights pipe.safetensors --data data
refuses "pipe.h5: error: cannot read it: not a regular file" timeout 20 "$lathe" evaluate good.py --weights pipe.h5 --data data
{ head -c -4 $weights && printf '\0\0\300\177'; } >nan.safetensors
"$lathe" compile good.py --weights nan.safetensors -o nan >out 2>err &&
  grep -q "nan.safetensors: warning: .*: 1 of its .* values are no finite numbers" err || complain "NaN in weights: $(cat err)"
refuses "good.py: not a safetensors file" "$lathe" predict good.py --weights good.py picture.png
refuses "takes either" "$lathe" predict good.py --weights $weights
refuses "takes either" "$lathe" predict good.py --weights $weights --output y.npy
refuses "go together" "$lathe" predict good.py --weights $weights --input x.npy
refuses "go together" "$lathe" predict good.py --weights $weights --grid x.png
refuses "takes a FILE.png, for one image" "$lathe" predict good.py --weights $weights a.png b.png --output x.png
refuses "takes a FILE.png, for one image" "$lathe" predict good.py --weights $weights a.png --output x.npy
refuses "no output that is an image" "$lathe" predict good.py --weights $weights a.png --output x.png
refuses "neither a JPEG nor a PNG" "$lathe" predict good.py --weights $weights good.py
printf '\377\330\377\340\0\020JFIF' >cut.jpg
refuses "cut.jpg: damaged JPEG image: " "$lathe" predict good.py --weights $weights cut.jpg
printf '\211PNG\r\n\032\n\0\0\0\rIHDR' >cut.png
refuses "cut.png: damaged PNG image: " "$lathe" predict good.py --weights $weights cut.png
refuses "x.npy: No such file" "$lathe" predict good.py --weights $weights --input x.npy -o y.npy
printf '\x93NUMPY\x01\x00\x46\x00%-69s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 4), }" >x.npy
printf 1234 >>x.npy
refuses "shape (4), but the model's input is (32, 32, 3)" "$lathe" predict good.py --weights $weights --input x.npy -o y.npy
refuses "cannot write /dev/null/grid.png" "$lathe" predict good.py --weights $weights --data data --grid /dev/null/grid.png
refuses "goes with one target" "$lathe" train good.py --data data -o run --detect-anomaly --target avx512,avx2
refuses "another seed" "$lathe" train good.py --data data -o trained --resume --seed 1
head -c 3000 trained/checkpoint.safetensors >short && mv short trained/checkpoint.safetensors
refuses "checkpoint.safetensors: truncated" "$lathe" train good.py --data data -o trained --resume
finish
