#!/usr/bin/env bash
# From training to prediction; resuming and Ctrl-C give the weights of an undisturbed run.
source "$(dirname "$0")/common.sh"
write_data data
write_model net.py 32 10 16

run() { "$@" >out 2>err || complain "$*: $(cat err)"; }
same() { cmp -s "$1/weights.safetensors" "$2/weights.safetensors" || complain "$1 and $2 differ"; }
says() { grep -qE -- "$1" out || complain "no '$1' in: $(cat out)"; }

run "$lathe" train net.py --data data --epochs 4 --batch 8 --validate test -o whole
says '^Epoch 4/4$'
says '^7/7 ━+ [0-9]+s [0-9]+[mu]?s/step - accuracy: [01]\.[0-9]{4} - loss: .* - val_accuracy: .* - val_loss: '
[ "$(wc -l <whole/history.csv)" = 5 ] || complain "history: $(cat whole/history.csv)"
cmp -s net.py whole/net.py || complain "no copy of the model"

# The same bits again, with another number of threads, and resumed after two epochs.
run "$lathe" train net.py --data data --epochs 4 --batch 8 --validate test --threads 1 -o again
same whole again
run "$lathe" train net.py --data data --epochs 2 --batch 8 --validate test -o parts
run "$lathe" train net.py --data data --epochs 4 --batch 8 --validate test -o parts --resume
same whole parts
run "$lathe" train net.py --data data --epochs 4 --batch 8 --seed 1 -o other
cmp -s whole/weights.safetensors other/weights.safetensors && complain "the seed changes nothing"

# Ctrl-C wherever it hits, then --resume.
epochs=300
run "$lathe" train net.py --data data --epochs $epochs --batch 1 -o long
"$lathe" train net.py --data data --epochs $epochs --batch 1 -o stopped >out 2>err &
process=$!
for _ in $(seq 600); do
  grep -q '^Epoch 2/' out && break
  sleep 0.05
done
kill -INT $process
wait $process
status=$?
[ $status = 130 ] || complain "Ctrl-C ended with $status: $(tail -n 2 out err)"
grep -q "lathe: stopped in epoch .* --resume continues" err || complain "Ctrl-C: $(cat err)"
[ ! -e stopped/weights.safetensors ] || complain "weights after Ctrl-C"
run "$lathe" train net.py --data data --epochs $epochs --batch 1 -o stopped --resume
same long stopped

run "$lathe" train net.py --data data --epochs 1 --validate 0.2 --seeds 3 --seed 5 -o seeds
says '^3 seeds: val_accuracy mean [01]\.[0-9]{4}, deviation [01]\.[0-9]{4} \('
[ -e seeds/seed-7/weights.safetensors ] || complain "no folder of the third seed"

weights=long/weights.safetensors
run "$lathe" evaluate net.py --weights $weights --data data
says '^7 samples - accuracy: [01]\.[0-9]{4} - loss: '
run "$lathe" predict net.py --weights $weights --data data --grid grid.png --count 5
says '^  1  [a-z]+ +[01]\.[0-9]{4}'
says '^[0-5] of 5 right; drew grid.png$'
run "$lathe" predict net.py --weights $weights grid.png
says '^grid.png: [a-z]+ [01]\.[0-9]{4}, '

# Raw bytes as an array: the first test image, as rows of interleaved pixels of one value.
{
  printf '\x93NUMPY\x01\x00\x46\x00%-69s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 32, 32, 3), }"
  head -c 6144 /dev/zero | tr '\0' '\334'
} >x.npy
run "$lathe" predict net.py --weights $weights --input x.npy --output y.npy
grep -aq "'shape': (2, 10)" y.npy || complain "outputs: $(head -c 80 y.npy)"
[ "$(wc -c <y.npy)" = $((128 + 80)) ] || complain "y.npy has $(wc -c <y.npy) bytes"
finish
