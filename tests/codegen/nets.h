/* Small networks that together reach every lowering rule and every tail. */
#ifndef LATHE_TESTS_CODEGEN_NETS_H
#define LATHE_TESTS_CODEGEN_NETS_H

typedef struct {
    const char *name, *shape;
    const char *layers;  /* of a Sequential model, one after the other; or a functional body */
    const char *compile; /* arguments of compile; NULL: SGD with momentum on categories */
    int batch;
    double tolerance; /* of gradients; 0: that of direct kernels */
} Net;

extern const Net nets[]; /* ended by a NULL name */

const char *net_script(const Net *n);
/* "NAME_kind_target", without a folder. */
const char *net_file(const Net *n, const char *kind, const char *target);

#endif
