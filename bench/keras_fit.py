"""Trains a script under Keras on the data that `lathe train` takes, one seed after the other:

    keras_fit.py MODEL.py DATA [--epochs 10] [--batch 32] [--seeds 1] [--lathe-seconds S]

KERAS_BACKEND chooses the backend (default: jax).
"""
import argparse
import os
import runpy
import time

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import data


class EpochTimes(keras.callbacks.Callback):
    """Seconds from the start of training to the end of each epoch."""

    def __init__(self, started):
        super().__init__()
        self.started, self.seconds = started, []

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.time() - self.started)
        print("epoch %2d  %6.1f s  " % (epoch + 1, self.seconds[-1]) +
              "  ".join("%s %.4f" % item for item in sorted(logs.items())), flush=True)


def labels_for(model, y):
    loss = model.loss if isinstance(model.loss, str) else model.loss.name
    return y if loss.startswith("sparse") else keras.utils.to_categorical(y, model.output_shape[-1])


def fit(script, sets, arguments, seed):
    """Trains once: seconds after each epoch and the last validation accuracy."""
    (x, y), (x_test, y_test) = sets
    started = time.time()
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = runpy.run_path(script, run_name="keras_fit")["model"]
    times = EpochTimes(started)
    history = model.fit(x, labels_for(model, y), batch_size=arguments.batch,
                        epochs=arguments.epochs, verbose=0, callbacks=[times],
                        validation_data=(x_test, labels_for(model, y_test)))
    return times.seconds, history.history["val_accuracy"][-1]


def main():
    parser = argparse.ArgumentParser(description="train a script under Keras")
    parser.add_argument("script")
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--lathe-seconds", type=float, help="what lathe took, for comparison")
    parser.add_argument("--lathe-accuracy", type=float, help="lathe's mean, for comparison")
    arguments = parser.parse_args()
    sets = data.load(arguments.data)
    accuracies = []
    for seed in range(arguments.seeds):
        seconds, accuracy = fit(arguments.script, sets, arguments, seed)
        accuracies.append(accuracy)
        print("seed %d: validation accuracy %.4f after %.1f s" % (seed, accuracy, seconds[-1]))
    if arguments.seeds > 1:
        print("Keras %s (%s): mean validation accuracy %.4f, deviation %.4f over %d seeds" % (
            keras.__version__, keras.backend.backend(), np.mean(accuracies),
            np.std(accuracies, ddof=1), arguments.seeds))
    if arguments.lathe_accuracy:
        print("lathe's mean is %+.2f points from Keras's" % (
            100 * (arguments.lathe_accuracy - np.mean(accuracies))))
    if arguments.lathe_seconds:
        print("lathe finished %d epochs after %.1f s; Keras finished its first after %.1f s" % (
            arguments.epochs, arguments.lathe_seconds, seconds[0]))


if __name__ == "__main__":
    main()
