/* What the files of the group share. */
#ifndef LATHE_RUNTIME_GROUP_PRIVATE_H
#define LATHE_RUNTIME_GROUP_PRIVATE_H

#include "group.h"

#include <pthread.h>
#include <sys/types.h>

/* ---- jobs (jobs.c) --------------------------------------------------------------------------- */

typedef enum { JOB_COLLECT, JOB_BROADCAST, JOB_REDUCE } JobKind;

/* Part of a bucket: floats that lie somewhere, each times a factor. */
typedef struct {
    float *x;
    size_t count;
    float factor;
} Range;

enum { BUCKET_FLOATS = 1 << 18, BUCKET_RANGES = 256 };

/* Something that all ranks do together, in phases between which messages travel. */
typedef struct Job {
    struct Job *next;
    JobKind kind;
    int tag, phase;
    bool done;    /* under the group's mutex */
    int *request; /* of the phase; room for two a rank */
    int requests;
    /* collect: mine to all[rank]; broadcast: data */
    const void *mine;
    void *data;
    size_t bytes;
    /* reduce */
    Range range[BUCKET_RANGES];
    int ranges;
    double sent;           /* when the bucket was full */
    size_t count;          /* floats of the ranges */
    float *packed, *parts; /* the ranges in a row; other ranks' floats of this rank's segment */
    size_t packed_room;    /* floats that the two have room for */
} Job;

/* Makes room for it on this group. False if memory is out. */
bool job_prepare(Job *j, const lathe_network *n);
void job_free(Job *j);
/* 1: all is done; 0: messages are under way; -1: a rank cannot be reached. */
int job_advance(Job *j, const lathe_network *n);

/* ---- the watch (watch.c) --------------------------------------------------------------------- */

typedef struct {
    int rank;
    pid_t process;
    char host[LATHE_HOST_BYTES];
    bool visible; /* a process of this machine, which the system can be asked about */
} Neighbour;

typedef struct {
    Neighbour before; /* the rank that this one listens to */
    int after;        /* the rank that listens to this one */
    bool listening, leaving;
    int heard, sent;                     /* requests; -1: none */
    int32_t in, out;                     /* what they carry */
    double last, silent, unsent, unseen; /* seconds */
} Watch;

void watch_start(Watch *w, const lathe_network *n, const Neighbour *all);
/* False where the neighbour is dead: `why` says so. */
bool watch_look(Watch *w, const lathe_network *n, double now, lathe_error *why);
/* Says goodbye; true when that is said. */
bool watch_leave(Watch *w, const lathe_network *n);
/* Whether the neighbour has said goodbye too. */
bool watch_is_over(const Watch *w);

/* ---- the group (group.c) --------------------------------------------------------------------- */

/* The buckets of one step and what of them is under way. */
typedef struct {
    lathe_exchange table; /* what generated code sees */
    Job **bucket;
    int buckets, room; /* used in this step; there are */
    int64_t share;
    float *all; /* what each rank has of a sum */
    size_t all_room;
    lathe_traffic traffic;
} Exchange;

typedef enum { GROUP_OPENING, GROUP_OPEN, GROUP_CLOSING, GROUP_ABANDONED, GROUP_GONE } GroupState;

struct lathe_group {
    lathe_network net;
    lathe_network_opener open;
    void *context;
    Neighbour *neighbour; /* of each rank: where it runs */
    int local_rank, local_ranks, local_first, machines;
    Watch watch;
    Exchange exchange;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake, finished; /* for the thread; for the caller */
    GroupState state;              /* under the mutex, as all that follows */
    Job *first, *last;             /* handed to the thread */
    uint32_t jobs;                 /* so far: the next one's tag */
    char advice[512];
    lathe_error error;
};

/* Hands a prepared job to the thread. */
void group_submit(lathe_group *g, Job *j);
void group_wait(lathe_group *g, const Job *j);
/* The caller cannot go on: ends all ranks. */
void group_fail(lathe_group *g, const char *why);

void exchange_open(Exchange *x, lathe_group *g);
void exchange_free(Exchange *x);

#endif
