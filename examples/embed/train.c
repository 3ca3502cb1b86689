/* A program of your own that trains a network which lathe compiled: model1.c has the network,
 * lathe's runtime reads the data and writes the weights. Nothing else is needed, not even lathe.
 *   train DATA EPOCHS     DATA: the folder with CIFAR-10's binary files */
#include "model1.h"

#include "checkpoint.h"
#include "dataset.h"
#include "train.h"

#include <stdio.h>
#include <stdlib.h>

static const lathe_format *const formats[] = {&lathe_cifar10_format, NULL};

static int fail(const lathe_error *e) {
    fprintf(stderr, "train: %s\n", e->text);
    return 1;
}

/* The loop: train an epoch, evaluate, print. */
static bool run(lathe_trainer *t, const lathe_samples *test, int epochs) {
    const lathe_watcher nothing = {0};
    while (t->at.epoch < (uint32_t)epochs) {
        lathe_metrics sums;
        if (lathe_trainer_epoch(t, &nothing) != LATHE_EPOCH_DONE) return false;
        lathe_trainer_evaluate(t, test, NULL, &sums);
        printf("epoch %u: loss %.4f, accuracy %.4f, test accuracy %.4f, %.1f s\n",
               (unsigned)t->at.epoch + 1, t->at.loss / (double)t->data.count,
               t->at.correct / (double)t->data.count, sums.correct / (double)sums.count,
               t->at.seconds);
        lathe_trainer_next(t);
    }
    return true;
}

int main(int argc, char **argv) {
    lathe_dataset data;
    lathe_trainer trainer;
    lathe_error e;
    if (argc != 3) {
        fputs("usage: train DATA EPOCHS\n", stderr);
        return 1;
    }
    const lathe_data_request request = {.path = argv[1], .parts = LATHE_TRAIN | LATHE_TEST};
    if (!lathe_dataset_load(&request, formats, &data, &e)) return fail(&e);
    if (!lathe_samples_fit(&data.train, &model1_model, argv[1], &e) ||
        !lathe_samples_fit(&data.test, &model1_model, argv[1], &e) ||
        !lathe_trainer_open(&trainer, &model1_model, &data.train, 0, &e))
        return fail(&e);
    bool ok = run(&trainer, &data.test, atoi(argv[2]));
    if (!ok) fputs("train: the loss is not a finite number\n", stderr);
    if (ok && !lathe_weights_save("weights.safetensors", &model1_model, trainer.state, &data, &e)) {
        ok = false;
        fail(&e);
    }
    lathe_trainer_close(&trainer);
    lathe_dataset_free(&data);
    return ok ? 0 : 1;
}
