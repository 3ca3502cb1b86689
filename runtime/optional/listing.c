/* Folders. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "listing.h"

#include "../files.h"
#include "../grown.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool lathe_names_add(lathe_names *n, const char *name, lathe_error *e) {
    char **names = lathe_grown(n->name, &n->cap, (size_t)n->count, sizeof *names);
    if (names) n->name = names;
    char *copy = names ? strdup(name) : NULL;
    if (!copy) return lathe_fail(e, "out of memory for a list of names");
    n->name[n->count++] = copy;
    return true;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void lathe_names_sort(lathe_names *n) {
    if (n->count) qsort(n->name, (size_t)n->count, sizeof *n->name, by_text);
}

void lathe_names_free(lathe_names *n) {
    for (int i = 0; i < n->count; i++) free(n->name[i]);
    free(n->name);
    *n = (lathe_names){0};
}

bool lathe_each_entry(const char *folder, bool (*wanted)(const char *name),
                      bool (*each)(void *context, const char *name, lathe_error *e), void *context,
                      lathe_error *e) {
    DIR *d = opendir(folder);
    bool ok = d || lathe_fail(e, "%s: %s", folder, strerror(errno));
    for (struct dirent *entry; ok && (entry = readdir(d));) {
        const char *name = entry->d_name;
        if (name[0] == '.' || (wanted && !wanted(name))) continue;
        char *path = lathe_join_path(folder, name);
        if (!path)
            ok = lathe_fail(e, "%s: out of memory", folder);
        else if (wanted ? lathe_file_exists(path) : lathe_folder_exists(path))
            ok = each(context, name, e);
        free(path);
    }
    if (d) closedir(d);
    return ok;
}

char *lathe_subfolder(const char *folder, const char *name) {
    char *path = lathe_join_path(folder, name);
    if (path && lathe_folder_exists(path)) return path;
    free(path);
    return NULL;
}
