/* The thread that talks to the other ranks, and how jobs get to it. It alone uses the network. */
#define _POSIX_C_SOURCE 200809L
#include "group_private.h"

#include "train.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EAGER_LOOKS = 2000, FIRST_TAG = 1 };
static const long nap_nanoseconds = 50000, rest_nanoseconds = 20000000;
static const double goodbye_seconds = 0.3;

/* ---- the thread ------------------------------------------------------------------------------ */

static void set_state(lathe_group *g, GroupState state) {
    pthread_mutex_lock(&g->mutex);
    g->state = state;
    pthread_cond_broadcast(&g->finished);
    pthread_mutex_unlock(&g->mutex);
}

/* Ends all ranks. */
static void end_all(lathe_group *g, const char *why) {
    char text[sizeof g->error.text + sizeof g->advice + 4];
    pthread_mutex_lock(&g->mutex);
    snprintf(text, sizeof text, "%s; %s", why ? why : "", g->advice);
    pthread_mutex_unlock(&g->mutex);
    g->net.abort(g->net.self, why ? text : NULL);
    set_state(g, GROUP_GONE);
}

/* Waits for work, or a little while. The list of what was handed over. */
static Job *take_jobs(lathe_group *g, bool busy, GroupState *state) {
    pthread_mutex_lock(&g->mutex);
    if (!busy && !g->first && g->state == GROUP_OPEN) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += rest_nanoseconds;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&g->wake, &g->mutex, &until);
    }
    Job *list = g->first;
    g->first = g->last = NULL;
    *state = g->state;
    pthread_mutex_unlock(&g->mutex);
    return list;
}

static void finish(lathe_group *g, Job *j) {
    pthread_mutex_lock(&g->mutex);
    j->done = true;
    pthread_cond_broadcast(&g->finished);
    pthread_mutex_unlock(&g->mutex);
}

/* Moves every job on and takes those that are done off the list; *moved says that one was. */
static bool advance_jobs(lathe_group *g, Job **list, bool *moved) {
    for (Job **at = list; *at;) {
        Job *j = *at;
        int phase = j->phase, state = job_advance(j, &g->net);
        if (state < 0) return false;
        *moved = *moved || state || j->phase != phase;
        if (!state) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        finish(g, j);
    }
    return true;
}

static void append(Job **list, Job *more) {
    while (*list) list = &(*list)->next;
    *list = more;
}

/* Looks again at once for a while, then lets others use the core. */
static void relax(int *looks, bool busy, bool moved) {
    const struct timespec nap = {0, nap_nanoseconds};
    *looks = moved ? 0 : *looks + 1;
    if (!busy) return;
    if (*looks < EAGER_LOOKS)
        sched_yield();
    else
        nanosleep(&nap, NULL);
}

/* Says goodbye, so that nobody complains of this rank's end. */
static void abandon(lathe_group *g) {
    const struct timespec nap = {0, nap_nanoseconds};
    double start = lathe_seconds();
    while (!watch_leave(&g->watch, &g->net) && lathe_seconds() - start < goodbye_seconds)
        nanosleep(&nap, NULL);
    end_all(g, g->error.text[0] ? g->error.text : NULL);
}

static void serve(lathe_group *g) {
    Job *list = NULL;
    GroupState state;
    lathe_error why;
    for (int looks = 0;;) {
        bool moved = false;
        append(&list, take_jobs(g, list != NULL, &state));
        if (state == GROUP_ABANDONED) {
            abandon(g);
            return;
        }
        if (!advance_jobs(g, &list, &moved)) {
            end_all(g, "another rank cannot be reached");
            return;
        }
        if (!watch_look(&g->watch, &g->net, lathe_seconds(), &why)) {
            end_all(g, why.text);
            return;
        }
        if (state == GROUP_CLOSING && !list && watch_leave(&g->watch, &g->net) &&
            watch_is_over(&g->watch))
            break;
        relax(&looks, list || state == GROUP_CLOSING, moved);
    }
    g->net.close(g->net.self);
    set_state(g, GROUP_GONE);
}

/* Who is where, before the thread takes jobs. */
static bool introduce(lathe_group *g) {
    const lathe_network *n = &g->net;
    Neighbour own = {.rank = n->rank, .process = getpid()};
    snprintf(own.host, sizeof own.host, "%s", n->host);
    g->neighbour = calloc((size_t)n->ranks, sizeof *g->neighbour);
    Job j = {.kind = JOB_COLLECT,
             .tag = FIRST_TAG,
             .mine = &own,
             .data = g->neighbour,
             .bytes = sizeof own};
    if (!g->neighbour || !job_prepare(&j, n))
        return lathe_fail(&g->error, "out of memory for %d ranks", n->ranks);
    int state = 0, looks = 0;
    while ((state = job_advance(&j, n)) == 0) relax(&looks, true, false);
    job_free(&j);
    return state > 0 || lathe_fail(&g->error, "rank %d cannot reach the others", n->rank);
}

static void count_machines(lathe_group *g) {
    for (int r = 0; r < g->net.ranks; r++) {
        bool first = true, here = !strcmp(g->neighbour[r].host, g->net.host);
        for (int k = 0; k < r; k++)
            first = first && strcmp(g->neighbour[k].host, g->neighbour[r].host) != 0;
        g->machines += first;
        if (here && !g->local_ranks) g->local_first = r;
        g->local_ranks += here;
        g->local_rank += here && r < g->net.rank;
    }
}

static void *run(void *argument) {
    lathe_group *g = argument;
    if (!g->open(g->context, &g->net, &g->error)) {
        set_state(g, GROUP_GONE);
        return NULL;
    }
    if (!introduce(g)) {
        end_all(g, g->error.text);
        return NULL;
    }
    count_machines(g);
    watch_start(&g->watch, &g->net, g->neighbour);
    set_state(g, GROUP_OPEN);
    serve(g);
    return NULL;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void free_group(lathe_group *g) {
    exchange_free(&g->exchange);
    pthread_mutex_destroy(&g->mutex);
    pthread_cond_destroy(&g->wake);
    pthread_cond_destroy(&g->finished);
    free(g->neighbour);
    free(g);
}

static GroupState wait_while(lathe_group *g, GroupState state) {
    pthread_mutex_lock(&g->mutex);
    while (g->state == state) pthread_cond_wait(&g->finished, &g->mutex);
    state = g->state;
    pthread_mutex_unlock(&g->mutex);
    return state;
}

lathe_group *lathe_group_open(lathe_network_opener open, void *context, lathe_error *e) {
    lathe_group *g = calloc(1, sizeof *g);
    if (!g) {
        lathe_fail(e, "out of memory");
        return NULL;
    }
    g->open = open;
    g->context = context;
    g->jobs = FIRST_TAG;
    pthread_mutex_init(&g->mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&g->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&g->finished, NULL);
    exchange_open(&g->exchange, g);
    lathe_group_advise(g, "the run ends, and nothing of it is saved yet");
    if (pthread_create(&g->thread, NULL, run, g) != 0) {
        free_group(g);
        lathe_fail(e, "cannot start a thread");
        return NULL;
    }
    if (wait_while(g, GROUP_OPENING) == GROUP_OPEN) return g;
    pthread_join(g->thread, NULL);
    *e = g->error;
    free_group(g);
    return NULL;
}

static void leave(lathe_group *g, GroupState how) {
    pthread_mutex_lock(&g->mutex);
    if (g->state == GROUP_OPEN) g->state = how;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->mutex);
    pthread_join(g->thread, NULL);
    free_group(g);
}

void lathe_group_close(lathe_group *g) {
    if (!g) return;
    double nothing = 0.0;
    lathe_group_sum(g, &nothing, 1); /* nobody leaves before all are here */
    leave(g, GROUP_CLOSING);
}

void lathe_group_abandon(lathe_group *g) { leave(g, GROUP_ABANDONED); }

void lathe_group_advise(lathe_group *g, const char *advice) {
    pthread_mutex_lock(&g->mutex);
    snprintf(g->advice, sizeof g->advice, "%s", advice);
    pthread_mutex_unlock(&g->mutex);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

void group_submit(lathe_group *g, Job *j) {
    j->next = NULL;
    j->phase = j->requests = 0;
    pthread_mutex_lock(&g->mutex);
    g->jobs = g->jobs % (LATHE_TAGS - 1) + FIRST_TAG;
    j->tag = (int)g->jobs;
    j->done = g->state == GROUP_GONE;
    if (g->last)
        g->last->next = j;
    else
        g->first = j;
    g->last = j;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->mutex);
}

void group_wait(lathe_group *g, const Job *j) {
    pthread_mutex_lock(&g->mutex);
    while (!j->done && g->state != GROUP_GONE) pthread_cond_wait(&g->finished, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

void group_fail(lathe_group *g, const char *why) {
    pthread_mutex_lock(&g->mutex);
    if (g->state == GROUP_OPEN) {
        lathe_fail(&g->error, "%s", why);
        g->state = GROUP_ABANDONED;
    }
    pthread_cond_signal(&g->wake);
    while (g->state != GROUP_GONE) pthread_cond_wait(&g->finished, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

static void run_job(lathe_group *g, Job *j) {
    if (!job_prepare(j, &g->net)) group_fail(g, "out of memory");
    group_submit(g, j);
    group_wait(g, j);
    job_free(j);
}

void lathe_group_collect(lathe_group *g, const void *mine, size_t bytes, void *all) {
    Job j = {.kind = JOB_COLLECT, .mine = mine, .data = all, .bytes = bytes};
    run_job(g, &j);
}

void lathe_group_broadcast(lathe_group *g, void *data, size_t bytes) {
    for (size_t at = 0; at < bytes; at += LATHE_MESSAGE_BYTES) {
        size_t left = bytes - at;
        Job j = {.kind = JOB_BROADCAST,
                 .data = (char *)data + at,
                 .bytes = left < LATHE_MESSAGE_BYTES ? left : LATHE_MESSAGE_BYTES};
        run_job(g, &j);
    }
}

void lathe_group_sum(lathe_group *g, double *values, int count) {
    size_t n = (size_t)count;
    double *all = calloc(n * (size_t)g->net.ranks + 1, sizeof *all);
    if (!all) {
        group_fail(g, "out of memory");
        return;
    }
    lathe_group_collect(g, values, n * sizeof *values, all);
    for (size_t i = 0; i < n; i++) {
        values[i] = all[i];
        for (int r = 1; r < g->net.ranks; r++) values[i] += all[(size_t)r * n + i];
    }
    free(all);
}

/* ---- who is who ------------------------------------------------------------------------------ */

int lathe_group_rank(const lathe_group *g) { return g ? g->net.rank : 0; }

int lathe_group_ranks(const lathe_group *g) { return g ? g->net.ranks : 1; }

int lathe_group_local_rank(const lathe_group *g) { return g ? g->local_rank : 0; }

int lathe_group_local_ranks(const lathe_group *g) { return g ? g->local_ranks : 1; }

int lathe_group_local_first(const lathe_group *g) { return g ? g->local_first : 0; }

int lathe_group_machines(const lathe_group *g) { return g ? g->machines : 1; }

const char *lathe_group_host(const lathe_group *g) { return g->net.host; }

lathe_share lathe_group_share(const lathe_group *g, int64_t n, int batch) {
    int64_t first = (int64_t)lathe_group_rank(g) * batch, left = n - first;
    if (left <= 0) return (lathe_share){0, 0};
    return (lathe_share){first, left < batch ? left : batch};
}
