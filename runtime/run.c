/* A training run. History is written before the checkpoint: a run that is killed between the two
 * has a row too many, which resuming drops. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "run.h"

#include "checkpoint.h"
#include "files.h"
#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const lathe_run *run;
    lathe_trainer trainer;
    lathe_history history;
    lathe_progress progress;
    char *checkpoint_path, *history_path, *weights_path, *best_path, *kept_path;
    bool writes;  /* rank 0 */
    bool advised; /* in this epoch: see advise */
} Session;

static volatile sig_atomic_t stop_flag;

static void on_signal(int number) {
    (void)number;
    stop_flag = 1;
}

const volatile sig_atomic_t *lathe_stop_on_signal(void) {
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_signal;
    a.sa_flags = (int)(SA_RESETHAND | SA_RESTART);
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    stop_flag = 0;
    return &stop_flag;
}

static void set_initial(const lathe_run *r, void *state) {
    for (int i = 0; r->initial && i < r->model->tensors; i++)
        if (r->initial[i]) r->model->import_tensor(state, i, r->initial[i]);
}

static void say(const Session *s, const char *text) {
    if (s->run->out) fprintf(s->run->out, "%s\n", text);
}

/* From the checkpoint, or from the beginning. Killed before its first checkpoint, a run has none.
 */
static bool begin(Session *s, lathe_error *e) {
    const lathe_run *r = s->run;
    if (r->resume && lathe_checkpoint_exists(s->checkpoint_path)) {
        lathe_error note;
        if (!lathe_checkpoint_load(s->checkpoint_path, &s->trainer, &note, e)) return false;
        if (note.text[0]) say(s, note.text);
        return true;
    }
    if (r->resume) {
        lathe_error note;
        lathe_fail(&note, "there is no %s yet: training from the beginning", s->checkpoint_path);
        say(s, note.text);
    } else if (!lathe_checkpoint_remove(s->checkpoint_path, e)) {
        return false; /* resuming must not find that of another run */
    }
    if (r->begin) r->begin(r->context, &s->trainer);
    return true;
}

/* All ranks begin with what rank 0 has. */
static void share_start(Session *s) {
    lathe_trainer *t = &s->trainer;
    if (!t->group) return;
    lathe_group_broadcast(t->group, t->state, t->model->state_bytes);
    lathe_group_broadcast(t->group, &t->at, sizeof t->at);
}

/* Once a step is done, the checkpoint before it is written: rank 0 takes part in every step. */
static void advise(Session *s) {
    const lathe_trainer *t = &s->trainer;
    if (!t->group || s->advised || (t->at.epoch == 0 && !s->run->resume)) return;
    lathe_error text;
    lathe_fail(&text, "--resume goes on from %s, with any number of ranks", s->checkpoint_path);
    lathe_group_advise(t->group, text.text);
    s->advised = true;
}

static bool open_session(Session *s, const lathe_run *r, lathe_error *e) {
    *s = (Session){
        .run = r, .progress = lathe_progress_to(r->out), .writes = lathe_group_rank(r->group) == 0};
    s->progress.put_name = r->put_name;
    s->checkpoint_path = lathe_join_path(r->folder, "checkpoint.safetensors");
    s->history_path = lathe_join_path(r->folder, "history.csv");
    s->weights_path = lathe_join_path(r->folder, "weights.safetensors");
    s->best_path = lathe_join_path(r->folder, "best.safetensors");
    s->kept_path = lathe_join_path(r->folder, "stopping.safetensors");
    if (!s->checkpoint_path || !s->history_path || !s->weights_path || !s->best_path ||
        !s->kept_path)
        return lathe_fail(e, "%s: out of memory", r->folder);
    if (!lathe_trainer_open(&s->trainer, r->model, r->train, r->seed, e)) return false;
    s->trainer.pool = r->pool;
    s->trainer.group = r->group;
    if (r->batch) s->trainer.step_samples = r->batch;
    set_initial(r, s->trainer.state);
    s->trainer.in_order = r->in_order;
    s->trainer.schedule = r->schedule;
    s->trainer.inspector = r->inspector;
    if (s->writes) {
        lathe_sweep_folder(r->folder);
        if (!begin(s, e) || !lathe_history_open(&s->history, r->model, s->history_path,
                                                (int)s->trainer.at.epoch, e))
            return false;
    }
    share_start(s);
    return true;
}

static void close_session(Session *s) {
    lathe_trainer_close(&s->trainer);
    lathe_history_close(&s->history);
    free(s->checkpoint_path);
    free(s->history_path);
    free(s->weights_path);
    free(s->best_path);
    free(s->kept_path);
}

static void on_step(void *context, const lathe_trainer *t) {
    Session *s = context;
    lathe_progress_step(&s->progress, t);
    advise(s);
}

/* Saves the state and says how to go on. */
static lathe_run_result stop(Session *s, lathe_error *e) {
    const lathe_trainer *t = &s->trainer;
    if (s->progress.terminal) fputc('\n', s->run->out);
    if (s->writes && !lathe_checkpoint_save(s->checkpoint_path, t, e)) return LATHE_RUN_FAILED;
    lathe_fail(e, "stopped in epoch %u after batch %lld of %lld; saved %s, --resume continues",
               (unsigned)t->at.epoch + 1, (long long)lathe_trainer_steps_done(t),
               (long long)lathe_trainer_steps(t), s->checkpoint_path);
    return LATHE_RUN_STOPPED;
}

/* Saves the state, so that training can go on once the data is there again. */
static lathe_run_result unreadable(Session *s, lathe_error *e) {
    const lathe_error why = s->trainer.error;
    lathe_error place;
    if (stop(s, &place) == LATHE_RUN_FAILED)
        lathe_fail(e, "%.480s; and %.480s", why.text, place.text);
    else
        lathe_fail(e, "%.480s\n  %.480s", why.text, place.text);
    return LATHE_RUN_FAILED;
}

/* Says in which step, and where its numbers went wrong as far as that is known. */
static lathe_run_result diverged(Session *s, lathe_error *e) {
    const lathe_trainer *t = &s->trainer;
    const lathe_run *r = s->run;
    lathe_error where = {""};
    if (s->progress.terminal) fputc('\n', r->out);
    if (r->explain) r->explain(r->context, t, &where);
    lathe_fail(e, "%s at step %llu (epoch %u, batch %lld of %lld)%s%s",
               isfinite(t->last_loss) ? "training diverges"
               : isnan(t->last_loss)  ? "the loss is NaN"
                                      : "the loss is infinite",
               (unsigned long long)t->at.step + 1, (unsigned)t->at.epoch + 1,
               (long long)lathe_trainer_steps_done(t) + 1, (long long)lathe_trainer_steps(t),
               where.text[0] ? ": " : "", where.text);
    return LATHE_RUN_DIVERGED;
}

/* The epoch's row; false if stopped during validation, or if its samples cannot be read. */
static bool summarise(Session *s, double validation_start, lathe_epoch *row) {
    lathe_trainer *t = &s->trainer;
    const lathe_run *r = s->run;
    double n = (double)t->at.done;
    *row = (lathe_epoch){.number = (int)t->at.epoch + 1,
                         .loss = t->at.loss / n,
                         .accuracy = t->at.correct / n,
                         .has_accuracy = r->model->losses == 1 && r->model->loss[0].has_accuracy,
                         .has_validation = r->validation != NULL};
    for (int i = 0; r->model->losses > 1 && i < r->model->losses; i++) {
        row->each_loss[i] = t->at.each_loss[i] / n;
        row->each_accuracy[i] = t->at.each_correct[i] / n;
    }
    if (r->validation) {
        lathe_metrics sums[1 + LATHE_MAX_LOSSES];
        if (!lathe_trainer_evaluate(t, r->validation, r->stop, sums)) return false;
        row->val_loss = sums[0].loss / (double)sums[0].count;
        row->val_accuracy = sums[0].correct / (double)sums[0].count;
        for (int i = 0; r->model->losses > 1 && i < r->model->losses; i++) {
            row->val_each_loss[i] = sums[1 + i].loss / (double)sums[1 + i].count;
            row->val_each_accuracy[i] = sums[1 + i].correct / (double)sums[1 + i].count;
        }
    }
    row->ms_per_step = 1e3 * t->at.seconds / (double)lathe_trainer_steps(t);
    row->seconds = t->at.seconds + lathe_seconds() - validation_start;
    return true;
}

static bool save_weights(Session *s, const char *path, lathe_error *e) {
    return lathe_weights_save(path, s->run->model, s->trainer.state, s->run->names, e);
}

/* Files and lines that the epoch's end asks for. */
static bool run_callbacks(Session *s, const lathe_epoch *row, lathe_error *e) {
    lathe_callback_state *state = &s->trainer.at.callbacks;
    if (!s->run->callbacks) return true;
    lathe_epoch_end end = lathe_callbacks_run(s->run->callbacks, state, row);
    if (end.reduced && s->run->out)
        fprintf(s->run->out, "Epoch %d: ReduceLROnPlateau reducing learning rate to %g.\n",
                row->number, state->learning_rate);
    if (end.stop && s->run->out) fprintf(s->run->out, "Epoch %d: early stopping\n", row->number);
    return !s->writes || ((!end.keep || save_weights(s, s->kept_path, e)) &&
                          (!end.save || save_weights(s, s->best_path, e)));
}

/* As EarlyStopping(restore_best_weights=True) does when training ends. */
static bool restore_best(Session *s, lathe_error *e) {
    const lathe_callbacks *c = s->run->callbacks;
    const lathe_watch *w = &s->trainer.at.callbacks.stopping;
    if (!c || !c->stopping.on || !c->restore_best || !w->seen) return true;
    if (s->run->out)
        fprintf(s->run->out, "Restoring model weights from the end of the best epoch: %u.\n",
                (unsigned)w->epoch);
    return lathe_weights_load(s->kept_path, s->run->model, s->trainer.state, e);
}

static bool is_finished(const Session *s) {
    const lathe_position *at = &s->trainer.at;
    return at->epoch >= (uint32_t)s->run->epochs || (s->run->callbacks && at->callbacks.stopped);
}

static lathe_run_result run_epoch(Session *s, lathe_epoch *row, lathe_error *e) {
    lathe_trainer *t = &s->trainer;
    const lathe_watcher watcher = {on_step, s, s->run->stop};
    lathe_progress_epoch(&s->progress, t->at.epoch, s->run->epochs);
    lathe_outcome outcome = lathe_trainer_epoch(t, &watcher);
    if (outcome == LATHE_EPOCH_STOPPED) return stop(s, e);
    if (outcome == LATHE_EPOCH_DIVERGED) return diverged(s, e);
    if (outcome == LATHE_EPOCH_FAILED) return unreadable(s, e);
    if (!summarise(s, lathe_seconds(), row))
        return t->error.text[0] ? unreadable(s, e) : stop(s, e);
    lathe_progress_done(&s->progress, t, row);
    lathe_trainer_next(t);
    s->advised = false;
    if (!run_callbacks(s, row, e)) return LATHE_RUN_FAILED;
    if (s->writes && (!lathe_history_add(&s->history, s->history_path, row, e) ||
                      !lathe_checkpoint_save(s->checkpoint_path, t, e)))
        return LATHE_RUN_FAILED;
    return LATHE_RUN_DONE;
}

/* What is left when all is trained. */
static bool finish(Session *s, lathe_error *e) {
    const lathe_run *r = s->run;
    return restore_best(s, e) && save_weights(s, s->weights_path, e) &&
           (!r->end || r->end(r->context, &s->trainer, e));
}

lathe_run_result lathe_run_training(const lathe_run *r, lathe_epoch *last, lathe_error *e) {
    Session s;
    lathe_run_result result = open_session(&s, r, e) ? LATHE_RUN_DONE : LATHE_RUN_FAILED;
    *last = (lathe_epoch){0};
    while (result == LATHE_RUN_DONE && !is_finished(&s)) result = run_epoch(&s, last, e);
    if (result == LATHE_RUN_DONE && s.writes && !finish(&s, e)) result = LATHE_RUN_FAILED;
    close_session(&s);
    return result;
}
