/* How processes that train together reach each other: the few operations that group.c builds on.
 * One thread, the one that opened the network, calls all of them. optional/network_mpi.c has them
 * for MPI. */
#ifndef LATHE_RUNTIME_NETWORK_H
#define LATHE_RUNTIME_NETWORK_H

#include "error.h"

#include <stddef.h>

enum { LATHE_HOST_BYTES = 64 };

typedef struct lathe_network {
    void *self;
    int rank, ranks;
    char host[LATHE_HOST_BYTES]; /* the machine's name */
    /* Begin to move bytes (at most LATHE_MESSAGE_BYTES) that stay where they are until it is done;
     * messages between two ranks meet by their tag (0 to LATHE_TAGS - 1), and equal ones in order.
     * A request, or -1. */
    int (*send)(void *self, int to, int tag, const void *data, size_t bytes);
    int (*receive)(void *self, int from, int tag, void *data, size_t bytes);
    /* 1: done, and the request is no more; 0: not yet; -1: the other side cannot be reached. */
    int (*test)(void *self, int request);
    /* Ends this process and all others with exit status 1; says why unless `why` is NULL. */
    void (*abort)(void *self, const char *why);
    void (*close)(void *self); /* after all requests are done, on all ranks */
} lathe_network;

enum { LATHE_TAGS = 32768, LATHE_MESSAGE_BYTES = 1 << 24 };

typedef bool (*lathe_network_opener)(void *context, lathe_network *n, lathe_error *e);

#endif
