"""lathe train under mpirun, several ranks on this machine: equal to one process, the same bits again, one
voice, and what happens when a rank dies.

LATHE names the command, MPIRUN mpirun.
"""
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

HERE = os.path.dirname(os.path.abspath(__file__))
LATHE = os.environ["LATHE"]
# Containers run as root, and may not bind processes to cores.
MPIRUN = [os.environ["MPIRUN"], "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
BATCH, SAMPLES = 16, 85  # the last batch has 5 samples: too few for the last of 4 ranks
SILENT = 10  # seconds in which a dead rank ends the others
PAUSED = 0.5  # seconds between two looks at the clock after which this machine was asleep


def make_data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, SAMPLES + 30, dtype="int32")
    x = (rng.random((len(y), 8, 8, 1)) * 100 + 15 * y[:, None, None, None]).astype("uint8")
    np.savez("images.npz", x_train=x[:SAMPLES], y_train=y[:SAMPLES], x_test=x[SAMPLES:], y_test=y[SAMPLES:])
    np.savez("step.npz", x_train=x[:BATCH], y_train=y[:BATCH])
    np.savez("many.npz", x_train=np.repeat(x, 20, 0), y_train=np.repeat(y, 20, 0))
    a, b = rng.normal(size=(SAMPLES, 12)).astype("f"), rng.normal(size=(SAMPLES, 5)).astype("f")
    np.savez("several.npz", a_train=a, b_train=b, left_train=(a[:, 0] > b[:, 0]).astype("int32"),
             right_train=a.sum(1, keepdims=True), sample_weight_train=rng.random(SAMPLES).astype("f"))


def make_images():
    """SAMPLES of them, in folders of their class and in tar shards."""
    rng = np.random.default_rng(1)
    os.makedirs("shards")
    with tarfile.open("shards/train-0.tar", "w") as first, tarfile.open("shards/train-1.tar", "w") as second:
        for i in range(SAMPLES):
            label = int(rng.integers(0, 10))
            folder = "train/c%d" % label
            os.makedirs(os.path.join("folder", folder), exist_ok=True)
            path = os.path.join(folder, "%03d.png" % i)
            Image.fromarray((rng.random((8, 8)) * 100 + 15 * label).astype("uint8")).save(os.path.join("folder", path))
            shard, info = first if i < 50 else second, tarfile.TarInfo("%03d.cls" % i)
            info.size = 1
            shard.add(os.path.join("folder", path), "%03d.png" % i)
            shard.addfile(info, io.BytesIO(b"%d" % label))


def command(ranks, net, data, out, *options, batch=BATCH):
    words = [LATHE, "train", os.path.join(HERE, net + ".py"), "--data", data, "--batch", str(batch), "-o", out, *options]
    return (MPIRUN + ["-n", str(ranks)] if ranks > 1 else []) + words


def train(ranks, net, data, out, *options):
    run = subprocess.run(command(ranks, net, data, out, *options), capture_output=True, text=True,
                         stdin=subprocess.DEVNULL)
    if run.returncode != 0:
        raise AssertionError("%d ranks: exit status %d\n%s%s" % (ranks, run.returncode, run.stdout, run.stderr))
    return run.stdout


def weights(out):
    return load_file(os.path.join(out, "weights.safetensors"))


def read(out, name):
    with open(os.path.join(out, name), "rb") as f:
        return f.read()


def metrics(out):
    """The history without its times."""
    names, *rows = [line.split(",") for line in read(out, "history.csv").decode().split()]
    return [[float(v or 0) for name, v in zip(names, row) if name not in ("seconds", "ms_per_step")] for row in rows]


def rank_processes(out):
    """The processes of ranks that train into this folder, by rank."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().split(b"\0")
            with open("/proc/%s/environ" % pid, "rb") as f:
                rank = re.search(rb"(?:^|\0)OMPI_COMM_WORLD_RANK=(\d+)", f.read())
        except OSError:
            continue
        if words[0] == LATHE.encode() and os.path.abspath(out).encode() in words and rank:
            found[int(rank[1])] = int(pid)
    return found


class Ranks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        os.chdir(cls.folder)
        make_data()

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        shutil.rmtree(cls.folder)

    def near(self, a, b, most, only=""):
        a, b = weights(a), weights(b)
        self.assertEqual(a.keys(), b.keys())
        for name in a:
            if only in name:
                self.assertLessEqual(np.abs(a[name] - b[name]).max(), most, name)

    def test_equals_one_process(self):
        """One step within 1e-6; so are six, where dropout, regularizer, clipping and the short last batch
        count, and the means over training and validation."""
        train(1, "plain", "step.npz", "step1", "--epochs", "1")
        train(1, "plain", "images.npz", "plain1", "--epochs", "1", "--validate", "test", "--class-weight", "1:2,7:0.5")
        for ranks in 2, 3, 4:
            step, out = "step%d" % ranks, "plain%d" % ranks
            if ranks == 3:
                train(ranks, "plain", "step.npz", step, "--epochs", "1")
                self.near("step1", step, 1e-6)
            printed = train(ranks, "plain", "images.npz", out, "--epochs", "1", "--validate", "test", "--class-weight",
                            "1:2,7:0.5")
            self.near("plain1", out, 1e-6)
            np.testing.assert_allclose(metrics("plain1"), metrics(out), rtol=2e-6)
            # one voice
            self.assertEqual(len(re.findall("^Epoch 1/1", printed, re.M)), 1)
            self.assertIn("%d ranks on 1 machine, with " % ranks, printed)

    def test_batch_normalization(self):
        """With the statistics of all ranks it is the same network. Without, each rank takes its own, and what
        is kept is their mean."""
        train(1, "norm", "images.npz", "norm1", "--epochs", "1")
        train(3, "norm", "images.npz", "norm3", "--epochs", "1", "--sync-batch-norm")
        self.near("norm1", "norm3", 1e-6)
        train(1, "norm", "step.npz", "own1", "--epochs", "1")
        train(3, "norm", "step.npz", "own3", "--epochs", "1")
        self.near("own1", "own3", 1e-6, "batch_normalization/moving_mean")
        with self.assertRaises(AssertionError):
            self.near("own1", "own3", 1e-4, "kernel")

    def test_several_losses(self):
        train(1, "several", "several.npz", "several1", "--epochs", "2", "--accumulate", "2")
        train(3, "several", "several.npz", "several3", "--epochs", "2", "--accumulate", "2")
        self.near("several1", "several3", 2e-6)
        np.testing.assert_allclose(metrics("several1"), metrics("several3"), rtol=2e-6)

    def test_the_same_bits(self):
        """Also where gradients fill more than one bucket, with other threads, and in a run that was resumed on
        the same ranks; that goes on with fewer."""
        printed = train(3, "large", "images.npz", "bits", "--epochs", "2", "--threads", "1")
        buckets = re.search(r"3 ranks added up ([\d.]+) MB a step in (\d+) buckets", printed)
        self.assertEqual((buckets[1], buckets[2]), ("5.26", "6"))
        train(3, "large", "images.npz", "again", "--epochs", "1", "--threads", "2")
        shutil.copytree("again", "fewer")
        train(3, "large", "images.npz", "again", "--epochs", "2", "--resume")
        self.assertEqual(read("bits", "weights.safetensors"), read("again", "weights.safetensors"))
        train(2, "large", "images.npz", "fewer", "--epochs", "2", "--resume")
        np.testing.assert_allclose(metrics("bits"), metrics("fewer"), rtol=1e-4)

    def test_images_in_files(self):
        """Folders and tar shards read while training: the order is that of one process, whoever decodes."""
        make_images()
        for data, ranks in ("folder", 2), ("shards", 4):
            one, several = data + "1", data + str(ranks)
            train(1, "plain", data, one, "--epochs", "2", "--window", "40")
            train(ranks, "plain", data, several, "--epochs", "2", "--window", "40", "--threads", "2")
            self.near(one, several, 1e-6)
            np.testing.assert_allclose(metrics(one), metrics(several), rtol=2e-6)
        run = subprocess.run(command(3, "plain", "folder", "folder3", "--window", "40"), capture_output=True, text=True,
                             stdin=subprocess.DEVNULL)
        self.assertEqual(run.returncode, 1)
        self.assertIn("lathe: error: --batch 16 of images in files cannot be divided by 3 ranks\n", run.stderr)

    def test_not_finite(self):
        """The rank that has it names value and layer; nobody has taken the step."""
        a, b = np.ones((BATCH, 12), "f"), np.ones((BATCH, 5), "f")
        a[11, 3] = np.nan
        np.savez("infinite.npz", a=a, b=b, left=np.zeros(BATCH, "int32"), right=np.ones((BATCH, 1), "f"))
        run = subprocess.run(command(2, "several", "infinite.npz", "infinite", "--epochs", "1"),
                             capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(run.returncode, 1, run.stdout)
        said = re.findall(r"^lathe: error: .*", run.stderr, re.M)
        self.assertEqual(len(said), 1)
        self.assertRegex(said[0], r"the loss is NaN at step 1 \(epoch 1, batch 1 of 1\): rank [01]: the first value that is not "
                         r"finite is the input a: NaN at element 4 of sample [1-8] of the batch$")

    def lose(self, how, rank):
        """Trains on 3 ranks, sends one a signal after the first checkpoint; what was said, and after how many
        seconds (of which those that the machine slept do not count) all had ended."""
        out = os.path.abspath("lost%d" % how)
        run = subprocess.Popen(command(3, "plain", "many.npz", out, "--epochs", "100000"), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while not os.path.exists(os.path.join(out, "checkpoint.safetensors")) and run.poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)
        processes = rank_processes(out)
        self.assertEqual(sorted(processes), [0, 1, 2])
        os.kill(processes[rank], how)
        passed, last = 0.0, time.monotonic()
        while run.poll() is None:
            time.sleep(0.05)
            now = time.monotonic()
            passed += now - last if now - last < PAUSED else 0.0
            last = now
        said = run.stderr.read()
        run.stderr.close()
        self.assertNotEqual(run.returncode, 0)
        self.assertLess(passed, SILENT)
        self.assertEqual(rank_processes(out), {})
        return said, out

    def test_a_rank_dies(self):
        said, out = self.lose(signal.SIGKILL, 1)
        self.assertRegex(said, r"lathe: error: rank 1 of 3 \(process \d+ on \S+\) has died; --resume goes on from "
                         + re.escape(out) + r"/checkpoint.safetensors, with any number of ranks\n")
        epochs = len(metrics(out))
        self.assertGreater(epochs, 0)
        train(2, "plain", "many.npz", out, "--epochs", str(epochs + 1), "--resume")
        self.assertEqual([row[0] for row in metrics(out)], list(range(1, epochs + 2)))

    def test_a_rank_stops(self):
        said, _ = self.lose(signal.SIGSTOP, 2)
        self.assertRegex(said, r"lathe: error: rank 2 of 3 \(process \d+ on \S+\) does not answer; --resume")

    def test_mistakes_are_said_once(self):
        for data, batch, text in (("none.npz", 16, "lathe: error: none.npz: there is no such data set"),
                                  ("step.npz", 2, "lathe: error: --batch 2 has no sample for each of 3 ranks"),
                                  ("step.npz", -1, "lathe: error: --batch takes a whole number from 1 to 2147483647, not '-1'")):
            run = subprocess.run(command(3, "plain", data, "mistake", batch=batch), capture_output=True, text=True,
                                 stdin=subprocess.DEVNULL)
            self.assertEqual(run.returncode, 1, run.stderr)
            self.assertEqual(re.findall(r"^lathe: .*", run.stderr, re.M), [text])
            self.assertFalse(os.path.exists("mistake"))

    def test_without_mpi(self):
        """The command itself needs no MPI. Where the library is not, it says so."""
        self.assertNotIn("libmpi", subprocess.run(["ldd", LATHE], capture_output=True, text=True).stdout)
        os.makedirs("bin")
        shutil.copy(LATHE, "bin/lathe")
        run = subprocess.run(["bin/lathe", *command(1, "plain", "step.npz", "nowhere")[1:]], capture_output=True, text=True,
                             env=dict(os.environ, OMPI_COMM_WORLD_SIZE="2"))
        self.assertEqual(run.returncode, 1)
        self.assertEqual(run.stderr, "lathe: error: mpirun started 2 processes, but this lathe cannot train with several: "
                         "lathe_mpi.so is not there (install libopenmpi-dev and build lathe again)\n")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
