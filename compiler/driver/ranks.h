/* The processes that mpirun started, as one command: they speak with one voice, and end together.
 */
#ifndef LATHE_DRIVER_RANKS_H
#define LATHE_DRIVER_RANKS_H

#include "../../runtime/group.h"

typedef struct {
    lathe_group *group; /* NULL: this process is alone */
    int errors, quiet;  /* until ranks_agree: where stderr goes really, and where it is kept */
} Ranks;

/* Joins the others where mpirun started this process. From here on only rank 0 prints, and errors
 * wait for ranks_agree. False after an error was printed. */
bool ranks_open(Ranks *r);
/* Whether all ranks got here without an error. Where not, the first one's is printed. */
bool ranks_agree(Ranks *r, bool ok);
/* Behind ranks_agree: every rank's errors are printed. */
void ranks_speak(Ranks *r);
/* Whether this rank prints. */
bool ranks_leads(const Ranks *r);
/* What the first rank with something to say has in `text`, of `room` bytes, on all of them: "rank
 * 2: ...". */
void ranks_first_text(const Ranks *r, char *text, size_t room);
/* Threads for a rank that was not told how many: its part of the cores that it may use. 0, all of
 * them, for a process alone. */
int ranks_threads(const Ranks *r);
/* How many they are and where, as a line. */
void ranks_print(const Ranks *r, int threads);
/* What training moved and waited for, as a line. */
void ranks_print_traffic(const Ranks *r);
/* Waits for the others; or, if this rank failed and they do not know, ends them. */
void ranks_close(Ranks *r, bool failed_alone);

#endif
