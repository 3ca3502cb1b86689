/* Prints for every built-in network its name and how it takes pixels. */
#include "../../compiler/frontend/zoo.h"

#include <stdio.h>

int main(void) {
    Arena *a = arena_new();
    for (const char **name = zoo_names(a); *name; name++)
        printf("%s %s\n", *name, zoo_preprocessing(zoo_find(*name)));
    arena_free(a);
    return 0;
}
