/* The network of group.c over MPI, as a library that lathe loads when it was started by mpirun: so
 * lathe itself needs no MPI. */
#define _POSIX_C_SOURCE 200809L
#include "network_mpi.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Requests by number; those that are done wait in a list for the next ones. */
typedef struct {
    MPI_Request *request;
    int *unused, unused_count, room;
} Requests;

static int take_request(Requests *r) {
    if (!r->unused_count) {
        int room = r->room ? 2 * r->room : 64;
        MPI_Request *request = realloc(r->request, (size_t)room * sizeof *request);
        if (request) r->request = request;
        int *unused = realloc(r->unused, (size_t)room * sizeof *unused);
        if (unused) r->unused = unused;
        if (!request || !unused) return -1;
        for (int i = room; i > r->room; i--) r->unused[r->unused_count++] = i - 1;
        r->room = room;
    }
    return r->unused[--r->unused_count];
}

static int begun(Requests *r, int index, int code) {
    if (code == MPI_SUCCESS) return index;
    r->unused[r->unused_count++] = index;
    return -1;
}

static int send_bytes(void *self, int to, int tag, const void *data, size_t bytes) {
    Requests *r = self;
    int i = take_request(r);
    if (i < 0) return i;
    return begun(r, i,
                 MPI_Isend(data, (int)bytes, MPI_BYTE, to, tag, MPI_COMM_WORLD, &r->request[i]));
}

static int receive_bytes(void *self, int from, int tag, void *data, size_t bytes) {
    Requests *r = self;
    int i = take_request(r);
    if (i < 0) return i;
    return begun(r, i,
                 MPI_Irecv(data, (int)bytes, MPI_BYTE, from, tag, MPI_COMM_WORLD, &r->request[i]));
}

static int test_request(void *self, int request) {
    Requests *r = self;
    int done = 0;
    if (MPI_Test(&r->request[request], &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return -1;
    if (done) r->unused[r->unused_count++] = request;
    return done;
}

static void abort_all(void *self, const char *why) {
    (void)self;
    if (why) fprintf(stderr, "lathe: error: %s\n", why);
    fflush(NULL);
    MPI_Abort(MPI_COMM_WORLD, 1);
    _Exit(1);
}

static void close_network(void *self) {
    Requests *r = self;
    MPI_Finalize();
    free(r->request);
    free(r->unused);
    free(r);
}

static void name_host(lathe_network *n) {
    char name[MPI_MAX_PROCESSOR_NAME];
    int length;
    MPI_Get_processor_name(name, &length);
    snprintf(n->host, sizeof n->host, "%.*s", (int)sizeof n->host - 1, name);
}

bool lathe_network_mpi(void *context, lathe_network *n, lathe_error *e) {
    (void)context;
    int provided;
    Requests *r = calloc(1, sizeof *r);
    if (!r) return lathe_fail(e, "out of memory");
    /* One thread alone calls MPI, but it is not the one that main runs on. */
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS ||
        provided < MPI_THREAD_SERIALIZED) {
        free(r);
        return lathe_fail(e, "this MPI cannot be used by a thread (MPI_THREAD_SERIALIZED)");
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    *n = (lathe_network){.self = r,
                         .send = send_bytes,
                         .receive = receive_bytes,
                         .test = test_request,
                         .abort = abort_all,
                         .close = close_network};
    MPI_Comm_rank(MPI_COMM_WORLD, &n->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n->ranks);
    name_host(n);
    return true;
}
