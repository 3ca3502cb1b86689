#ifndef LATHE_RUNTIME_NETWORK_MPI_H
#define LATHE_RUNTIME_NETWORK_MPI_H

#include "../network.h"

/* A lathe_network_opener; needs no context. */
bool lathe_network_mpi(void *context, lathe_network *n, lathe_error *e);

#endif
