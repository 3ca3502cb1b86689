/* A lathe_network whose ranks are threads of this process: messages lie in one box. */
#ifndef LATHE_TESTS_FAKE_NETWORK_H
#define LATHE_TESTS_FAKE_NETWORK_H

#include "../../runtime/network.h"

enum { FAKE_RANKS = 8 };

typedef struct FakeBox FakeBox;

/* How each rank joins: the context of fake_network_open. */
typedef struct {
    FakeBox *box;
    int rank;
    const char *host;
} FakePlace;

FakeBox *fake_box_new(int ranks);
void fake_box_free(FakeBox *b);
bool fake_network_open(void *place, lathe_network *n, lathe_error *e);
/* From here on nobody reaches this rank. */
void fake_box_cut(FakeBox *b, int rank);
/* Whether the rank ended the others, and what it said ("" for nothing). */
bool fake_box_aborted(FakeBox *b, int rank, const char **why);

#endif
