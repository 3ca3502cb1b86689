/* Reading whole files, and writing files that are either complete or not there at all: the text
 * goes to a temporary name in the same folder and is renamed once it is safely on the disk. After a
 * commit the name is there as well, also if the power fails. */
#ifndef LATHE_RUNTIME_FILES_H
#define LATHE_RUNTIME_FILES_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Reads all of a regular file of at most `most` bytes. The caller frees *bytes. */
bool lathe_read_file(const char *path, size_t most, unsigned char **bytes, size_t *size,
                     lathe_error *e);
bool lathe_file_exists(const char *path);   /* a regular file */
size_t lathe_file_size(const char *path);   /* in bytes; 0 where there is no file */
bool lathe_folder_exists(const char *path); /* a directory */
/* Makes the folder, and those above it, where they are not there. */
bool lathe_make_folder(const char *path, lathe_error *e);
/* Waits until the names in the folder that `path` lies in are on the disk; 0, or an errno. */
int lathe_sync_names(const char *path);
/* Removes the temporary files in a folder that a killed process left there. Nobody else may be
 * writing into it. */
void lathe_sweep_folder(const char *path);
/* "folder/name", to be freed; NULL if memory is out. */
char *lathe_join_path(const char *folder, const char *name);

/* A file being written. After open: any number of writes (the first error sticks), then either
 * commit or discard. */
typedef struct lathe_output {
    FILE *file;
    char *path, *temporary;
    const char *previous; /* the name that commit gives the file it replaces, or NULL */
    int failed;           /* errno of the first failed write, or 0 */
} lathe_output;

bool lathe_output_open(lathe_output *o, const char *path, lathe_error *e);
void lathe_output_write(lathe_output *o, const void *data, size_t size);
bool lathe_output_commit(lathe_output *o, lathe_error *e);
void lathe_output_discard(lathe_output *o);
/* All of the above for one block. */
bool lathe_write_file(const char *path, const void *data, size_t size, lathe_error *e);

/* Files that nobody trusts: beyond the first so many bytes, what unpacks to more than so many times
 * its size is made to fill the memory. */
enum { LATHE_FREE_UNPACKED = 1 << 26, LATHE_MOST_EXPANSION = 100 };
bool lathe_may_unpack(uint64_t size, uint64_t packed);

#endif
