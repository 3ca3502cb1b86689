/* A private folder for one test, and small files in it. */
#ifndef LATHE_TESTS_SCRATCH_H
#define LATHE_TESTS_SCRATCH_H

#include <stddef.h>

/* Makes an empty folder in the working directory, and removes it with all it holds: cmocka's setup
 * and teardown. */
int scratch_setup(void **state);
int scratch_teardown(void **state);
/* A path in the folder; valid until eight more were asked for. */
const char *scratch_path(const char *name);
void scratch_folder(const char *name);
void scratch_write(const char *name, const void *data, size_t size);
/* How many entries the folder has: nothing half-written may stay behind. */
int scratch_count(void);

/* Fails the test unless `text` holds `part`. */
void assert_mentions(const char *text, const char *part);

#endif
