/* What probe.c tries after it has locked itself in as lathe-parse does: the requests to it. */
#ifndef LATHE_TESTS_PROBE_H
#define LATHE_TESTS_PROBE_H

typedef enum {
    PROBE_NOTHING, /* and succeeds */
    PROBE_OPEN,
    PROBE_SOCKET,
    PROBE_FORK,
    PROBE_EXEC,
    PROBE_KILL,
    PROBE_EXECUTABLE,  /* memory that can be executed */
    PROBE_MAKE_CODE,   /* of memory that was data */
    PROBE_WRITE,       /* to the file */
    PROBE_GROW,        /* the shared memory */
    PROBE_LIMIT,       /* its own limits away */
    PROBE_OTHER_CALLS, /* system calls of 32-bit programs, which have other numbers */
    PROBE_SLEEP,
    PROBE_WAIT,  /* for a lock, a while */
    PROBE_CALLS, /* the number of those above */
    PROBE_MEMORY = PROBE_CALLS,
    PROBE_LOOP,
    PROBE_CRASH
} Probe;

/* Within the limit, and over it. */
enum { PROBE_SMALL = 1 << 20 };

#endif
