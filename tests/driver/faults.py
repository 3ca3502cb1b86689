"""Faults in training: whatever happens to a run, `lathe train --resume` ends with the bits of one that nothing
happened to, and what was reported as saved is there.

Usage: faults.py LATHE CC. Runs are killed at random times and, by strace, at random system calls; strace also
makes single calls fail. FAULTS_KILLS says how often (default: 20; 200 where LATHE_FULL is set)."""

import errno
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

LATHE, CC = sys.argv[1], sys.argv[2]
KILLS = int(os.environ.get("FAULTS_KILLS") or (200 if os.environ.get("LATHE_FULL") else 20))
EPOCHS = 8
TENSOR_FILES = ["weights.safetensors", "best.safetensors", "stopping.safetensors"]

# Two steps of gradients are added up, so that a run can be stopped between them; every callback has something to
# remember.
MODEL = """
from keras import Sequential
from keras.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, RandomFlip
from keras.optimizers import Adam

model = Sequential([
    Input((32, 32, 3)),
    RandomFlip("horizontal"),
    Conv2D(8, 5, strides=3, activation="relu"),
    BatchNormalization(),
    Conv2D(8, 3, strides=2, activation="relu"),
    Flatten(),
    Dropout(0.3),
    Dense(10, activation="softmax"),
])
model.compile(optimizer=Adam(0.01, gradient_accumulation_steps=2), loss="sparse_categorical_crossentropy",
              metrics=["accuracy"])
model.fit(x_train, y_train, callbacks=[
    EarlyStopping(monitor="val_loss", patience=6, restore_best_weights=True),
    ModelCheckpoint("best.keras", monitor="val_loss", save_best_only=True),
    ReduceLROnPlateau(monitor="loss", min_delta=0.3, patience=1, factor=0.7),
])
"""

# Compiles a source once: what is tested is what happens after that.
CACHED_CC = """#!/bin/sh
for word; do
  case $word in *.c) source=$word ;; *.so) library=$word ;; esac
done
kept=%s/$(grep -v '^#line' "$source" | sha256sum | cut -c 1-32).so
[ -f "$kept" ] || { %s "$@" && cp "$library" "$kept.$$" && mv "$kept.$$" "$kept"; } || exit 1
cp "$kept" "$library"
"""

failures = 0


def complain(text):
    global failures
    failures += 1
    print("FAILED:", text, file=sys.stderr)


def write_data(folder):
    """300 images for training and 40 for tests in CIFAR-10's format: noise around a grey a class."""
    draw = random.Random(1)
    os.mkdir(folder)
    for name, count in [(f"data_batch_{i}.bin", 60) for i in range(1, 6)] + [("test_batch.bin", 40)]:
        with open(os.path.join(folder, name), "wb") as f:
            for _ in range(count):
                label = draw.randrange(10)
                f.write(bytes([label]) + bytes((15 * label + byte // 2) % 256 for byte in draw.randbytes(3072)))
    with open(os.path.join(folder, "batches.meta.txt"), "w") as f:
        f.write("".join(f"class{i}\n" for i in range(10)))


def command(out, *options, epochs=EPOCHS):
    return [LATHE, "train", "net.py", "--data", "data", "--epochs", str(epochs), "--batch", "4", "--validate", "test",
            "--threads", "1", "-o", out, *options]


def run(words):
    return subprocess.run(words, capture_output=True, text=True)


# ---- what a run leaves ---------------------------------------------------------------------------------------


def read_safetensors(path):
    """Header and data; an error if the file is not whole."""
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(size))
        data = f.read()
    ends = [t["data_offsets"][1] for name, t in header.items() if name != "__metadata__"]
    if len(data) != max(ends):
        raise ValueError(f"{path} has {len(data)} bytes of data instead of {max(ends)}")
    return header, data


def read_checkpoint(folder):
    header, data = read_safetensors(os.path.join(folder, "checkpoint.safetensors"))
    header["__metadata__"].pop("seconds")
    return header, data


def read_history(folder):
    """Without the times."""
    with open(os.path.join(folder, "history.csv")) as f:
        return [line.rsplit(",", 2)[0] for line in f]


def results(folder):
    files = [open(os.path.join(folder, name), "rb").read() for name in TENSOR_FILES]
    return [*files, read_checkpoint(folder), read_history(folder)]


def compare(folder, what):
    for name, got, wanted in zip([*TENSOR_FILES, "checkpoint", "history"], results(folder), whole):
        if got != wanted:
            complain(f"{what}: {name} differs from that of an undisturbed run")


def check_left(folder, output, what):
    """Every file that is there is whole, and what was reported is there."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name.endswith((".safetensors", ".previous")):
            read_safetensors(os.path.join(folder, name))
    begun = [int(n) for n in re.findall(r"^Epoch (\d+)/", output, re.M)]
    if begun and begun[-1] > 1:
        kept = os.path.join(folder, "checkpoint.safetensors")
        kept += "" if os.path.exists(kept) else ".previous"
        epoch = int(read_safetensors(kept)[0]["__metadata__"]["epoch"])
        # Between two names the new checkpoint waits beside the old one.
        if epoch < begun[-1] - 1 and not (kept.endswith(".previous") and epoch == begun[-1] - 2):
            complain(f"{what}: epoch {begun[-1]} had begun, but the checkpoint is of epoch {epoch}")
    if "saved" in output and not os.path.exists(os.path.join(folder, "weights.safetensors")):
        complain(f"{what}: weights were reported as saved")


# ---- system calls --------------------------------------------------------------------------------------------


def trace(words, calls):
    """The system calls of a run's main thread: name, whole line."""
    done = run(["strace", "-y", "-s", "300", "-o", "trace", "-e", "trace=" + calls, *words])
    if done.returncode:
        sys.exit(f"strace: {done.stderr}")
    with open("trace") as f:
        return [(line.split("(")[0], line) for line in f if "(" in line]


def check_order(events):
    """Before a name is given the bytes are on the disk, and the name is before anything is reported."""
    synced, unsaved, renames = set(), {}, 0
    for name, line in events:
        paths = re.findall(r"<([^>]*)>", line)
        if name == "write" and paths and ".unfinished-" in paths[0]:
            synced.discard(paths[0])
        elif name == "fsync":
            synced.add(paths[0])
            unsaved = {file: folder for file, folder in unsaved.items() if folder != paths[0]}
        elif name == "rename":
            old, new = (os.path.realpath(p) for p in re.findall(r'"([^"]*)"', line))
            renames += 1
            if ".unfinished-" in old and old not in synced:
                complain(f"{new} gets its name before its bytes are on the disk")
            unsaved[new] = os.path.dirname(new)
        elif name == "write" and unsaved and paths and "pipe" in paths[0]:
            complain(f"{line.strip()} is written while {list(unsaved)} could still be lost")
    if renames < 2 * EPOCHS:
        complain(f"only {renames} files got their names")


# ---- faults --------------------------------------------------------------------------------------------------


def nth(events, index):
    """The call's name, and how many of this name there are up to it: what strace's when= counts."""
    name = events[index][0]
    return name, sum(n == name for n, _ in events[: index + 1])


def kill_at_call(words):
    name, count = nth(events, draw.choice(places))
    return run(["strace", "-qq", "-o", "/dev/null", "-e", "trace=" + name,
                "-e", f"inject={name}:signal=KILL:when={count}", *words])


def kill_at_time(words, number=signal.SIGKILL):
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(draw.random() * seconds)
    process.send_signal(number)
    out, err = process.communicate()
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def interrupt(words):
    return kill_at_time(words, draw.choice([signal.SIGINT, signal.SIGTERM]))


def chain(fault, most, folder):
    """A run that is stopped again and again until it comes to its end; how often."""
    stops = 0
    shutil.rmtree(folder, ignore_errors=True)
    while stops < most:
        done = fault(command(folder, "--resume"))
        if done.returncode == 0:
            break
        stops += 1
        if fault is not interrupt and done.returncode not in (-signal.SIGKILL, 128 + signal.SIGKILL):
            complain(f"{fault.__name__}: ended with {done.returncode}: {done.stderr}")
            return stops
        check_left(folder, done.stdout, fault.__name__)
    done = run(command(folder, "--resume"))
    if done.returncode:
        complain(f"{fault.__name__}: --resume: {done.stderr}")
    elif any(".unfinished-" in name for name in os.listdir(folder)):
        complain(f"{fault.__name__}: left {os.listdir(folder)}")
    else:
        compare(folder, f"{fault.__name__}, {stops} times")
    return stops


def fail_call(index, error):
    """One call of a run fails: it says so, keeps what it had, and goes on when asked to. False where strace met
    another call, for their number differs a little from run to run."""
    folder = "failing"
    shutil.rmtree(folder, ignore_errors=True)
    name, count = nth(events, index)
    done = run(["strace", "-qq", "-y", "-o", "failed", "-e", "trace=" + name,
                "-e", f"inject={name}:error={error}:when={count}", *command(folder)])
    with open("failed") as f:
        failed = [line for line in f if "INJECTED" in line]
    if not failed or not re.search(r"failing|\.unfinished-", failed[0]):
        return False
    what = f"{error} in {failed[0].strip()}"
    said = re.findall(r"^lathe: error: cannot .*: (.*)$", done.stderr, re.M)
    if done.returncode != 1 or said != [os.strerror(getattr(errno, error))]:
        complain(f"{what}: ended with {done.returncode}: {done.stderr}")
    if any(".unfinished-" in name for name in os.listdir(folder)):
        complain(f"{what}: left {os.listdir(folder)}")
    check_left(folder, done.stdout, what)
    done = run(command(folder, "--resume"))
    if done.returncode:
        complain(f"{what}, then --resume: {done.stderr}")
    else:
        compare(folder, what)
    return True


def fail_calls(count):
    errors = {"write": "ENOSPC", "fsync": "EIO", "rename": "EACCES", "openat": "ENOSPC"}
    writing = [i for i in places if (events[i][0] in ("fsync", "rename") or "O_CREAT" in events[i][1] or
                (events[i][0] == "write" and ".unfinished-" in events[i][1]))]
    for name, error in errors.items():
        some = [i for i in writing if events[i][0] == name]
        failed = 0
        for index in draw.sample(some, min(5 * count, len(some))):
            failed += fail_call(index, error)
            if failed == count:
                break
        print(f"{error} in {name}: {failed} times")
        if not failed:
            complain(f"{name} never failed")


def full_disk():
    """A real one, where a file system of 96 KB may be mounted."""
    mount = "mkdir small && mount -t tmpfs -o size=96k none small && cd small && ln -s ../data ../net.py . && "
    script = mount + '"$@"; status=$?; ls -A run; cp -r run ../full; exit $status'
    for launcher in ["unshare", "-m"], ["unshare", "-rm"]:
        done = run([*launcher, "sh", "-c", mount + "true"])
        shutil.rmtree("small", ignore_errors=True)
        if done.returncode == 0:
            break
    else:
        print("SKIPPED: a full disk, for no file system may be mounted here")
        return
    done = run([*launcher, "sh", "-c", script, "sh", *command("run")])
    if done.returncode != 1 or "No space left on device" not in done.stderr or ".unfinished-" in done.stdout:
        complain(f"full disk: ended with {done.returncode}: {done.stdout}{done.stderr}")
    check_left("full", done.stdout, "full disk")
    done = run(command("full", "--resume"))
    if done.returncode:
        complain(f"full disk, then --resume: {done.stderr}")
    else:
        compare("full", "full disk")


def cut_checkpoints():
    """A damaged checkpoint: the one before it serves. Both damaged: an error that names it."""
    shutil.rmtree("cut", ignore_errors=True)
    run(command("cut", epochs=4))
    path = os.path.join("cut", "checkpoint.safetensors")
    os.truncate(path, draw.randrange(os.path.getsize(path)))
    done = run(command("cut", "--resume"))
    if done.returncode or "going on from the checkpoint before it" not in done.stdout:
        complain(f"a truncated checkpoint: {done.stdout}{done.stderr}")
    else:
        compare("cut", "a truncated checkpoint")
    for name in path, path + ".previous":
        os.truncate(name, 1000)
    done = run(command("cut", "--resume"))
    if done.returncode != 1 or f"lathe: error: {path}: " not in done.stderr:
        complain(f"two truncated checkpoints: {done.stdout}{done.stderr}")


def vanishing_data():
    """While it runs, which needs it no more; before it goes on, which is an error that changes nothing."""
    shutil.rmtree("vanishing", ignore_errors=True)
    process = subprocess.Popen(command("vanishing"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        if line.startswith("Epoch 1/"):
            break
    os.rename("data", "elsewhere")
    process.send_signal(signal.SIGINT)
    process.communicate()
    before = results("vanishing")[3] if process.returncode == 0 else read_checkpoint("vanishing")
    done = run(command("vanishing", "--resume"))
    if done.returncode != 1 or "lathe: error: data: there is no such data set" not in done.stderr:
        complain(f"data that is gone: {done.stdout}{done.stderr}")
    if read_checkpoint("vanishing") != before:
        complain("data that is gone changed the checkpoint")
    os.rename("elsewhere", "data")
    done = run(command("vanishing", "--resume"))
    if done.returncode:
        complain(f"data that came back: {done.stderr}")
    else:
        compare("vanishing", "data that came back")


# ---- all of them ---------------------------------------------------------------------------------------------

draw = random.Random(int(os.environ.get("FAULTS_SEED", "1")))
work = tempfile.mkdtemp()
os.chdir(work)
os.mkdir("tmp")
os.mkdir("kept")
os.environ["TMPDIR"] = os.path.join(work, "tmp")
with open("cc", "w") as f:
    f.write(CACHED_CC % (os.path.join(work, "kept"), CC))
os.chmod("cc", 0o755)
os.environ["CC"] = os.path.join(work, "cc")
os.environ["ASAN_OPTIONS"] = "detect_leaks=0"  # which does not go with strace
with open("net.py", "w") as f:
    f.write(MODEL)
write_data("data")
try:
    done = run(command("whole"))
    if done.returncode:
        sys.exit(done.stderr)
    whole = results("whole")
    start = time.monotonic()
    run(command("again"))
    seconds = time.monotonic() - start
    compare("again", "the same again")
    run(command("again", "--detect-anomaly"))
    compare("again", "--detect-anomaly")

    events = trace(command("traced"), "write,fsync,rename,openat,close,unlink,mkdir,chmod,fchmod")
    check_order(events)
    first = next(i for i, (_, line) in enumerate(events) if "traced" in line)
    places = range(first, len(events))

    counts = {kill_at_call: KILLS // 2, kill_at_time: KILLS - KILLS // 2, interrupt: max(4, KILLS // 10)}
    for fault, wanted in counts.items():
        stops = 0
        while stops < wanted and not failures:
            stops += chain(fault, min(wanted - stops, 12), "chain")
        print(f"{fault.__name__}: {stops} times")
    fail_calls(max(1, KILLS // 20))
    cut_checkpoints()
    vanishing_data()
    full_disk()
finally:
    shutil.rmtree(work)
sys.exit(1 if failures else 0)
