/* The built-in networks: scripts of zoo/, one function without parameters for each network. */
#ifndef LATHE_FRONTEND_ZOO_H
#define LATHE_FRONTEND_ZOO_H

#include "../support/arena.h"

typedef struct {
    const char *name;         /* "resnet50": also the name of its function in the script */
    const char *file;         /* "resnet.py" */
    const char *const *lines; /* of the script, ended by NULL */
} ZooMember;

/* The network of this name, NULL if there is none. Case, '-' and '_' do not count: "ResNet50V2",
 * "inception_v3". */
const ZooMember *zoo_find(const char *name);
/* How the network was trained to take pixels of 0 to 255, as --preprocess spells it. */
const char *zoo_preprocessing(const ZooMember *m);
/* All names, NULL-terminated. */
const char **zoo_names(Arena *a);
/* The script as one text. */
char *zoo_source(Arena *a, const ZooMember *m, size_t *length);

#endif
