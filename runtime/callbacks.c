/* Callbacks at the end of an epoch. */
#include "callbacks.h"

#include <math.h>

const char *lathe_quantity_name(lathe_quantity q) {
    static const char *const names[] = {"loss", "accuracy", "val_loss", "val_accuracy"};
    return names[q];
}

bool lathe_quantity_known(lathe_quantity q, bool accuracy, bool validation) {
    bool needs_accuracy = q == LATHE_ACCURACY || q == LATHE_VAL_ACCURACY;
    bool needs_validation = q == LATHE_VAL_LOSS || q == LATHE_VAL_ACCURACY;
    return (accuracy || !needs_accuracy) && (validation || !needs_validation);
}

static double value_of(const lathe_epoch *row, lathe_quantity q) {
    return q == LATHE_LOSS       ? row->loss
           : q == LATHE_ACCURACY ? row->accuracy
           : q == LATHE_VAL_LOSS ? row->val_loss
                                 : row->val_accuracy;
}

static bool is_watched(const lathe_monitor *m, const lathe_epoch *row) {
    return m->on && lathe_quantity_known(m->what, row->has_accuracy, row->has_validation);
}

static bool better(const lathe_monitor *m, double value, double than) {
    return m->up ? value - m->min_delta > than : value + m->min_delta < than;
}

static bool improves(const lathe_monitor *m, const lathe_watch *w, double value) {
    return !w->seen || better(m, value, w->best);
}

static void remember(lathe_watch *w, double value, const lathe_epoch *row) {
    w->seen = true;
    w->best = value;
    w->epoch = (uint32_t)row->number;
}

static void early_stopping(const lathe_callbacks *c, lathe_callback_state *s,
                           const lathe_epoch *row, lathe_epoch_end *end) {
    const lathe_monitor *m = &c->stopping;
    lathe_watch *w = &s->stopping;
    if (!is_watched(m, row) || row->number <= c->start_from_epoch) return;
    double value = value_of(row, m->what);
    w->wait++;
    if (improves(m, w, value)) {
        remember(w, value, row);
        end->keep = c->restore_best;
        if (!c->has_baseline || better(m, value, c->baseline)) w->wait = 0;
    } else if (w->wait >= (uint32_t)m->patience && row->number > 1) {
        end->stop = s->stopped = true;
    }
}

static void save_best(const lathe_callbacks *c, lathe_callback_state *s, const lathe_epoch *row,
                      lathe_epoch_end *end) {
    lathe_watch *w = &s->saving;
    if (!is_watched(&c->saving, row)) return;
    double value = value_of(row, c->saving.what);
    bool passes = !c->has_threshold || better(&c->saving, value, c->threshold);
    end->save = w->seen ? better(&c->saving, value, w->best) : passes;
    if (end->save) remember(w, value, row);
}

static bool reduce(const lathe_callbacks *c, lathe_callback_state *s) {
    if (s->learning_rate <= (double)(float)c->min_rate) return false;
    s->learning_rate = (double)(float)fmax(s->learning_rate * c->factor, c->min_rate);
    return true;
}

static void reduce_on_plateau(const lathe_callbacks *c, lathe_callback_state *s,
                              const lathe_epoch *row, lathe_epoch_end *end) {
    lathe_watch *w = &s->plateau;
    if (!is_watched(&c->plateau, row)) return;
    double value = value_of(row, c->plateau.what);
    if (w->cooldown > 0) {
        w->cooldown--;
        w->wait = 0;
    }
    if (improves(&c->plateau, w, value)) {
        remember(w, value, row);
        w->wait = 0;
    } else if (w->cooldown == 0 && ++w->wait >= (uint32_t)c->plateau.patience) {
        end->reduced = reduce(c, s);
        if (!end->reduced) return;
        w->cooldown = (uint32_t)c->cooldown;
        w->wait = 0;
    }
}

lathe_epoch_end lathe_callbacks_run(const lathe_callbacks *c, lathe_callback_state *s,
                                    const lathe_epoch *row) {
    lathe_epoch_end end = {false, false, false, false};
    early_stopping(c, s, row, &end);
    save_best(c, s, row, &end);
    reduce_on_plateau(c, s, row, &end);
    return end;
}
