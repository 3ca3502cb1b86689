#define _POSIX_C_SOURCE 200809L
#include "fake_network.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MESSAGES = 1024 };

/* A send or a receive that has not met its other half. Requests are numbers of these. */
typedef struct {
    bool used, sends, done;
    int from, to, tag;
    const void *data;
    void *room;
    size_t bytes;
    uint64_t order;
} Message;

struct FakeBox {
    pthread_mutex_t mutex;
    int ranks;
    uint64_t orders;
    Message message[MOST_MESSAGES];
    bool cut[FAKE_RANKS], aborted[FAKE_RANKS];
    lathe_error why[FAKE_RANKS];
};

typedef struct {
    FakeBox *box;
    int rank;
} Self;

FakeBox *fake_box_new(int ranks) {
    FakeBox *b = calloc(1, sizeof *b);
    pthread_mutex_init(&b->mutex, NULL);
    b->ranks = ranks;
    return b;
}

void fake_box_free(FakeBox *b) {
    pthread_mutex_destroy(&b->mutex);
    free(b);
}

/* The oldest message that waits for the other half of m; NULL if there is none. */
static Message *other_half(FakeBox *b, const Message *m) {
    Message *found = NULL;
    for (int i = 0; i < MOST_MESSAGES; i++) {
        Message *x = &b->message[i];
        if (!x->used || x->done || x->sends == m->sends || x->from != m->from || x->to != m->to ||
            x->tag != m->tag)
            continue;
        if (!found || x->order < found->order) found = x;
    }
    return found;
}

static int add_message(FakeBox *b, Message m) {
    int at = 0;
    pthread_mutex_lock(&b->mutex);
    while (b->message[at].used && at < MOST_MESSAGES - 1) at++;
    if (b->message[at].used) abort();
    m.used = true;
    m.order = b->orders++;
    Message *x = other_half(b, &m);
    if (x && x->bytes != m.bytes) abort(); /* ranks that do not do the same */
    if (x) {
        memcpy(m.sends ? x->room : m.room, m.sends ? m.data : x->data, m.bytes);
        x->done = m.done = true;
    }
    b->message[at] = m;
    pthread_mutex_unlock(&b->mutex);
    return at;
}

static int send_bytes(void *self, int to, int tag, const void *data, size_t bytes) {
    const Self *s = self;
    return add_message(
        s->box,
        (Message){
            .sends = true, .from = s->rank, .to = to, .tag = tag, .data = data, .bytes = bytes});
}

static int receive_bytes(void *self, int from, int tag, void *data, size_t bytes) {
    const Self *s = self;
    return add_message(
        s->box, (Message){.from = from, .to = s->rank, .tag = tag, .room = data, .bytes = bytes});
}

static int test_request(void *self, int request) {
    const Self *s = self;
    pthread_mutex_lock(&s->box->mutex);
    Message *m = &s->box->message[request];
    int other = m->sends ? m->to : m->from;
    int state = m->done ? 1 : s->box->cut[other] || s->box->cut[s->rank] ? -1 : 0;
    if (state > 0) m->used = false;
    pthread_mutex_unlock(&s->box->mutex);
    return state;
}

static void abort_all(void *self, const char *why) {
    Self *s = self;
    pthread_mutex_lock(&s->box->mutex);
    s->box->aborted[s->rank] = s->box->cut[s->rank] = true;
    /* where they point to is gone soon */
    for (int i = 0; i < MOST_MESSAGES; i++) {
        Message *m = &s->box->message[i];
        if ((m->sends ? m->from : m->to) == s->rank) m->used = false;
    }
    lathe_fail(&s->box->why[s->rank], "%s", why ? why : "");
    pthread_mutex_unlock(&s->box->mutex);
    free(s);
}

static void close_network(void *self) { free(self); }

bool fake_network_open(void *place, lathe_network *n, lathe_error *e) {
    const FakePlace *p = place;
    Self *s = malloc(sizeof *s);
    if (!s) return lathe_fail(e, "out of memory");
    *s = (Self){p->box, p->rank};
    *n = (lathe_network){.self = s,
                         .rank = p->rank,
                         .ranks = p->box->ranks,
                         .send = send_bytes,
                         .receive = receive_bytes,
                         .test = test_request,
                         .abort = abort_all,
                         .close = close_network};
    snprintf(n->host, sizeof n->host, "%s", p->host);
    return true;
}

void fake_box_cut(FakeBox *b, int rank) {
    pthread_mutex_lock(&b->mutex);
    b->cut[rank] = true;
    pthread_mutex_unlock(&b->mutex);
}

bool fake_box_aborted(FakeBox *b, int rank, const char **why) {
    pthread_mutex_lock(&b->mutex);
    bool aborted = b->aborted[rank];
    pthread_mutex_unlock(&b->mutex);
    *why = b->why[rank].text;
    return aborted;
}
