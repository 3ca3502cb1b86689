/* Sorts any number of names in little memory: runs of about a megabyte are sorted and put into a
 * spool, and all runs merged. Names come out in byte order. */
#ifndef LATHE_RUNTIME_NAME_SORT_H
#define LATHE_RUNTIME_NAME_SORT_H

#include "spool.h"

enum { LATHE_NAME_MAX = 4095 }; /* bytes of a name */

typedef struct lathe_name_sort lathe_name_sort;

lathe_name_sort *lathe_name_sort_open(lathe_error *e);
bool lathe_name_sort_add(lathe_name_sort *s, const char *name, lathe_error *e);
/* After the last name was added: the next one in order, valid until the next call; NULL at the end.
 */
bool lathe_name_sort_next(lathe_name_sort *s, const char **name, lathe_error *e);
void lathe_name_sort_close(lathe_name_sort *s);

#endif
