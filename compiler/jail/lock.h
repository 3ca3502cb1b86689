/* What a process gives up before it looks at bytes that nobody trusts. */
#ifndef LATHE_JAIL_LOCK_H
#define LATHE_JAIL_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* From now on this process may compute, take `memory` bytes of address space, read from what is
 * open and talk over the socket; it may open, start and reach nothing. False if the system does
 * not let it promise so. */
bool lock_process(uint64_t memory, uint64_t seconds);

#endif
