/* Keras's progress lines. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 20 };

lathe_progress lathe_progress_to(FILE *out) {
    lathe_progress p = {.out = out};
    p.terminal = out && isatty(fileno(out));
    return p;
}

void lathe_progress_epoch(lathe_progress *p, uint32_t epoch, int epochs) {
    if (p->out) fprintf(p->out, "Epoch %u/%d\n", (unsigned)epoch + 1, epochs);
    if (p->out) fflush(p->out);
    p->last = 0.0;
}

/* 7s, 2:05, 1:02:05 */
static void put_duration(FILE *out, double seconds) {
    long s = lround(seconds);
    if (s >= 3600)
        fprintf(out, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else if (s >= 60)
        fprintf(out, "%ld:%02ld", s / 60, s % 60);
    else
        fprintf(out, "%lds", s);
}

/* Three digits or more of what is small: 2s/step, 13ms/step, 850us/step */
static void put_short_time(FILE *out, double seconds) {
    if (seconds >= 1.0 || seconds == 0.0)
        fprintf(out, "%.0fs/step", seconds);
    else if (seconds >= 1e-3)
        fprintf(out, "%.0fms/step", seconds * 1e3);
    else
        fprintf(out, "%.0fus/step", seconds * 1e6);
}

/* The time of a step, and how much of it went by until a stream had the batch ready. */
static void put_step_time(FILE *out, const lathe_trainer *t, double seconds, int64_t steps) {
    put_short_time(out, seconds);
    if (!t->data.stream) return;
    fputs(" (waited ", out);
    put_short_time(out, t->at.waited / (double)steps);
    fputc(')', out);
}

static void put_bar(FILE *out, int64_t done, int64_t total) {
    int filled = (int)(BAR * done / total);
    fprintf(out, "%lld/%lld ", (long long)done, (long long)total);
    for (int i = 0; i < BAR; i++) fputs(i < filled ? "\u2501" : "\u2500", out);
}

static void put_metric(const lathe_progress *p, const char *name, double v) {
    fputs(" - ", p->out);
    if (p->put_name)
        p->put_name(p->out, name, strlen(name));
    else
        fputs(name, p->out);
    fprintf(p->out, fabs(v) >= 1e-3 || v == 0.0 ? ": %.4f" : ": %.4e", v);
}

typedef struct {
    char name[300];
    double value;
} Metric;

static int compare_names(const void *a, const void *b) {
    return strcmp(((const Metric *)a)->name, ((const Metric *)b)->name);
}

/* The total and each loss's own values, sorted by the names that Keras gives them. */
static void put_all(const lathe_progress *p, const char *prefix, const lathe_model *m, double total,
                    const double *loss, const double *correct, double n) {
    Metric list[1 + 2 * LATHE_MAX_LOSSES] = {{.value = total}};
    int count = 1;
    snprintf(list[0].name, sizeof list[0].name, "%sloss", prefix);
    for (int i = 0; i < m->losses; i++) {
        const char *output = m->output[m->loss[i].output].name;
        Metric *own = &list[count++];
        snprintf(own->name, sizeof own->name, "%s%.250s_loss", prefix, output);
        own->value = loss[i] / n;
        if (!m->loss[i].has_accuracy) continue;
        own = &list[count++];
        snprintf(own->name, sizeof own->name, "%s%.250s_accuracy", prefix, output);
        own->value = correct[i] / n;
    }
    qsort(list, (size_t)count, sizeof *list, compare_names);
    for (int i = 0; i < count; i++) put_metric(p, list[i].name, list[i].value);
}

static void put_means(const lathe_progress *p, const lathe_trainer *t) {
    const lathe_model *m = t->model;
    double n = (double)t->at.done;
    if (m->losses > 1) {
        put_all(p, "", m, t->at.loss / n, t->at.each_loss, t->at.each_correct, n);
        return;
    }
    if (m->loss[0].has_accuracy) put_metric(p, "accuracy", t->at.correct / n);
    put_metric(p, "loss", t->at.loss / n);
}

static void put_validation(const lathe_progress *p, const lathe_model *m, const lathe_epoch *row) {
    if (!row->has_validation) return;
    if (m->losses > 1) {
        put_all(p, "val_", m, row->val_loss, row->val_each_loss, row->val_each_accuracy, 1.0);
        return;
    }
    if (row->has_accuracy) put_metric(p, "val_accuracy", row->val_accuracy);
    put_metric(p, "val_loss", row->val_loss);
}

void lathe_progress_step(lathe_progress *p, const lathe_trainer *t) {
    double now = lathe_seconds();
    if (!p->terminal || now - p->last < 0.1) return;
    p->last = now;
    int64_t done = lathe_trainer_steps_done(t), total = lathe_trainer_steps(t);
    double step = t->at.seconds / (double)done;
    fputs("\r\033[K", p->out);
    put_bar(p->out, done, total);
    fputs(" ETA ", p->out);
    put_duration(p->out, step * (double)(total - done));
    fputc(' ', p->out);
    put_step_time(p->out, t, step, done);
    put_means(p, t);
    fflush(p->out);
}

void lathe_progress_done(lathe_progress *p, const lathe_trainer *t, const lathe_epoch *row) {
    if (!p->out) return;
    int64_t total = lathe_trainer_steps(t);
    if (p->terminal) fputs("\r\033[K", p->out);
    put_bar(p->out, total, total);
    fputc(' ', p->out);
    put_duration(p->out, row->seconds);
    fputc(' ', p->out);
    put_step_time(p->out, t, row->ms_per_step * 1e-3, total);
    put_means(p, t);
    put_validation(p, t->model, row);
    fputc('\n', p->out);
    fflush(p->out);
}
