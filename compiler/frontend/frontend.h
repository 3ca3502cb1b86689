/* The front end: a model description in, a module out. */
#ifndef LATHE_FRONTEND_FRONTEND_H
#define LATHE_FRONTEND_FRONTEND_H

#include "../ir/module.h"

/* Reads the model description at `path` (a Keras script, or the name of a built-in network where no
 * file has that name) and returns a module with the function
 * "forward", parameter table, layers and training configuration. `variable` names the model's
 * variable, or a function without parameters that returns it; NULL for "model". d is initialised
 * anew with the file and its text; on errors they are in d and the result is NULL. */
Module *load_model(Arena *a, const char *path, const char *variable, Diag *d);

/* The same for a text in memory; `file` is the name for messages and gives the module its name.
 * `source` needs no NUL at its end. */
Module *keras_script_load(Arena *a, const char *file, const char *source, size_t length,
                          const char *variable, Diag *d);

#endif
