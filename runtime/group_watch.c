/* Ranks form a ring in which each tells the next one every second that it lives. Time is counted
 * while this rank itself runs, so that machines that were all asleep wake up in peace. A neighbour
 * on the same machine is looked for among its processes too: that is known at once. */
#define _POSIX_C_SOURCE 200809L
#include "group_private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum { BEAT_TAG = 0, LEAVING = 0, LIVING = 1 };
static const double beat_seconds = 1.0, most_silence = 6.0, look_seconds = 0.1;
/* What one look counts as at most: between two there may have been a sleep. */
static const double most_passed = 0.25;

static bool runs_here(const Neighbour *b) { return kill(b->process, 0) == 0 || errno == EPERM; }

static bool listen(Watch *w, const lathe_network *n) {
    w->heard = n->receive(n->self, w->before.rank, BEAT_TAG, &w->in, sizeof w->in);
    return w->heard >= 0;
}

static bool say(Watch *w, const lathe_network *n, int32_t what) {
    w->out = what;
    w->sent = n->send(n->self, w->after, BEAT_TAG, &w->out, sizeof w->out);
    w->unsent = 0.0;
    return w->sent >= 0;
}

void watch_start(Watch *w, const lathe_network *n, const Neighbour *all) {
    *w = (Watch){.heard = -1, .sent = -1, .after = (n->rank + 1) % n->ranks};
    w->before = all[(n->rank + n->ranks - 1) % n->ranks];
    /* A process of another container would not be seen. */
    w->before.visible = !strcmp(w->before.host, n->host) && runs_here(&w->before);
    w->listening = listen(w, n);
}

static void note_time(Watch *w, double now) {
    double passed = w->last == 0.0 ? 0.0 : now - w->last;
    w->last = now;
    if (passed > most_passed) passed = most_passed;
    w->silent += passed;
    w->unsent += passed;
    w->unseen += passed;
}

/* True when what was sent is through, and at the start. */
static bool has_sent(Watch *w, const lathe_network *n) {
    if (w->sent >= 0 && n->test(n->self, w->sent)) w->sent = -1;
    return w->sent < 0;
}

/* False where the neighbour cannot be reached. */
static bool hear(Watch *w, const lathe_network *n) {
    int state = n->test(n->self, w->heard);
    if (state <= 0) return state == 0;
    w->silent = 0.0;
    if (w->in != LEAVING) return listen(w, n);
    w->listening = false;
    return true;
}

static bool is_gone(Watch *w) {
    if (!w->before.visible || w->unseen < look_seconds) return false;
    w->unseen = 0.0;
    return !runs_here(&w->before);
}

static bool dead(const Watch *w, const lathe_network *n, const char *what, lathe_error *why) {
    return lathe_fail(why, "rank %d of %d (process %ld on %s) %s", w->before.rank, n->ranks,
                      (long)w->before.process, w->before.host, what);
}

bool watch_look(Watch *w, const lathe_network *n, double now, lathe_error *why) {
    note_time(w, now);
    if (has_sent(w, n) && !w->leaving && w->unsent >= beat_seconds && !say(w, n, LIVING))
        return lathe_fail(why, "rank %d of %d cannot be reached", w->after, n->ranks);
    if (!w->listening) return true;
    if (!hear(w, n)) return dead(w, n, "cannot be reached", why);
    if (!w->listening) return true;
    if (is_gone(w) && hear(w, n) && w->listening) return dead(w, n, "has died", why);
    if (w->silent > most_silence) return dead(w, n, "does not answer", why);
    return true;
}

bool watch_leave(Watch *w, const lathe_network *n) {
    if (!has_sent(w, n)) return false;
    if (w->leaving) return true;
    w->leaving = true;
    return !say(w, n, LEAVING);
}

bool watch_is_over(const Watch *w) { return w->leaving && w->sent < 0 && !w->listening; }
