/* Files that nobody trusts are parsed by another program, lathe-parse, which may reach nothing but
 * them (lock.h). This is lathe's end: it starts the program, asks, and watches that an answer
 * comes. A parser that crashes, is killed or does not end becomes an error about the file. */
#ifndef LATHE_JAIL_JAIL_H
#define LATHE_JAIL_JAIL_H

#include "../../runtime/error.h"
#include "protocol.h"
#include "wire.h"

#include <sys/types.h>
#include <time.h>

typedef struct {
    Wire wire;
    pid_t child;
    clockid_t clock;   /* the processor time of the child */
    double used, most; /* of it: when last looked at, and what the request may come to */
    int idle;          /* looks since it last computed something */
    uint64_t file_size;
    const char *library; /* that the request is for */
    bool broken;         /* no answer comes any more */
} Jail;

/* What a child gets besides the socket: open files, or -1, and their sizes. */
typedef struct {
    int file, shared;
    uint64_t file_size, shared_size;
} JailFiles;

/* The program to start, for programs that lie elsewhere than lathe; NULL: it is looked for. */
extern const char *jail_program;

/* An open regular file, or -1 after an error that does not name it. */
int jail_open_file(const char *path, uint64_t *size, lathe_error *e);
/* NULL after an error. jail_start leaves the files open. */
Jail *jail_start(const JailFiles *files, lathe_error *e);
Jail *jail_open(const char *path, lathe_error *e);
void jail_close(Jail *j); /* j may be NULL */

/* Sends a request for about `bytes` bytes of data, and its text unless that is NULL. `library`
 * is who gets the blame. */
bool jail_ask(Jail *j, JailRequest what, const char *text, const char *library, uint64_t bytes);
/* Allows it the time for so many bytes more. */
void jail_expect(Jail *j, uint64_t bytes);
/* Whether the answer is data; else *e has the text of the error. */
bool jail_answer(Jail *j, lathe_error *e);
/* For an answer that ends too early or makes no sense: false, with an error. */
bool jail_damaged(Jail *j, lathe_error *e);

/* ---- members.c: what is packed; each may be asked for several times ---- */

bool jail_has_member(Jail *j, const char *name, bool *has, lathe_error *e);
/* Bytes to be freed. */
bool jail_read_member(Jail *j, const char *name, unsigned char **bytes, size_t *size,
                      lathe_error *e);
/* The whole file, which is gzipped, of at most `most` bytes. */
bool jail_gunzip(Jail *j, size_t most, unsigned char **bytes, size_t *size, lathe_error *e);

#endif
