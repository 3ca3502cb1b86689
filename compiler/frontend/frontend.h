/* The front end: a model description in, a module out. */
#ifndef LATHE_FRONTEND_FRONTEND_H
#define LATHE_FRONTEND_FRONTEND_H

#include "../ir/module.h"

/* Reads the model description at `path` (a Keras script, a .keras, .h5 or .json file of Keras, an
 * ONNX file, or the name of a built-in network where no file has that name) and returns a module
 * with the function "forward", parameter table, layers and training configuration. `variable` names
 * a script's variable, or a function without parameters that returns the model; NULL for "model". d
 * is initialised anew with the file and its text; on errors they are in d and the result is NULL.
 */
Module *load_model(Arena *a, const char *path, const char *variable, Diag *d);

/* The same for a text in memory; `file` is the name for messages and gives the module its name.
 * `source` needs no NUL at its end. */
Module *keras_script_load(Arena *a, const char *file, const char *source, size_t length,
                          const char *variable, Diag *d);

/* A warning if the parameter's data holds NaN or infinity; every reader of weights gives it. */
void warn_not_finite(const Param *p, Diag *d);

/* ---- files that Keras writes ---- */
bool is_keras_file(const char *path); /* .keras or HDF5, by how it begins */
/* Sets the weights and statistics of m, all of which the file (.keras, .weights.h5, .h5) must have.
 * d is initialised anew; false after an error. */
bool load_keras_weights(Module *m, const char *path, Diag *d);
/* Sets the optimizer's slots, if the file has them, of m, whose training functions are made; *steps
 * is how many steps were made. */
bool load_keras_optimizer(Module *m, const char *path, uint64_t *steps, Diag *d);
/* Writes m with the data of its parameters, as `path` ends: .keras (with the optimizer's state
 * after `steps` steps), .weights.h5 or .h5. */
bool save_keras(const Module *m, const char *path, uint64_t steps, Diag *d);

#endif
