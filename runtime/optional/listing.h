/* What is in a folder. */
#ifndef LATHE_RUNTIME_LISTING_H
#define LATHE_RUNTIME_LISTING_H

#include "../error.h"

#include <stddef.h>

typedef struct lathe_names {
    char **name;
    int count;
    size_t cap;
} lathe_names;

bool lathe_names_add(lathe_names *n, const char *name, lathe_error *e);
void lathe_names_sort(lathe_names *n); /* by bytes */
void lathe_names_free(lathe_names *n);

/* Calls `each` with every file whose name is wanted, or (wanted NULL) with every subfolder; hidden
 * ones are left out. In no particular order; ends where `each` fails. */
bool lathe_each_entry(const char *folder, bool (*wanted)(const char *name),
                      bool (*each)(void *context, const char *name, lathe_error *e), void *context,
                      lathe_error *e);

/* "folder/name" where that is a folder, or NULL; to be freed. */
char *lathe_subfolder(const char *folder, const char *name);

#endif
