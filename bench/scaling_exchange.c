/* For bench/scaling, under mpirun: what it costs this network to add up gradients. Prints the
 * seconds of a message among many at once, then for several sizes bytes and seconds of one sum. */
#define _POSIX_C_SOURCE 200809L
#include "../runtime/group.h"
#include "../runtime/optional/network_mpi.h"
#include "../runtime/train.h"

#include <stdio.h>
#include <stdlib.h>

enum { MESSAGES = 1000, ROUNDS = 15, LEAST = 16, MOST = 1 << 24 };

static lathe_network net;

/* The network as the group's, so that messages can be sent beside it before its thread begins. */
static double message_seconds;

static void finish(int *request, int count) {
    for (int i = 0; i < count; i++)
        while (net.test(net.self, request[i]) == 0) continue;
}

static double time_messages(void) {
    static int request[2 * MESSAGES], in[MESSAGES], out[MESSAGES];
    int other = net.rank ^ 1;
    double best = 1.0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = lathe_seconds();
        for (int i = 0; i < MESSAGES; i++) {
            request[2 * i] = net.receive(net.self, other, 1, &in[i], sizeof in[i]);
            request[2 * i + 1] = net.send(net.self, other, 1, &out[i], sizeof out[i]);
        }
        finish(request, 2 * MESSAGES);
        double each = (lathe_seconds() - start) / MESSAGES;
        if (each < best) best = each;
    }
    return best;
}

static bool open_and_time(void *context, lathe_network *n, lathe_error *e) {
    if (!lathe_network_mpi(context, n, e)) return false;
    net = *n;
    if (net.rank < net.ranks / 2 * 2) message_seconds = time_messages();
    return true;
}

static double time_sum(lathe_group *g, float *x, size_t count) {
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double zero = 0.0;
        lathe_group_sum(g, &zero, 1); /* all begin together */
        const lathe_exchange *e = lathe_group_step(g, 1, 1);
        double start = lathe_seconds();
        e->add(e->context, x, count);
        e->wait(e->context);
        double seconds = lathe_seconds() - start;
        if (seconds < best) best = seconds;
    }
    return best;
}

int main(void) {
    lathe_error e;
    lathe_group *g = lathe_group_open(open_and_time, NULL, &e);
    float *x = calloc(MOST, sizeof *x);
    if (!g || !x) {
        fprintf(stderr, "%s\n", g ? "out of memory" : e.text);
        return 1;
    }
    bool first = lathe_group_rank(g) == 0;
    if (first) printf("%d %.9g\n", lathe_group_ranks(g), message_seconds);
    for (size_t count = LEAST; count <= MOST; count *= 4) {
        double seconds = time_sum(g, x, count);
        if (first) printf("%zu %.9g\n", count * sizeof *x, seconds);
    }
    lathe_group_close(g);
    free(x);
    return 0;
}
