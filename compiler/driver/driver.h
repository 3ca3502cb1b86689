/* The command `lathe`: its subcommands and what they share. A subcommand gets the words after its
 * name and returns the exit status: 0, or 1 after it printed what is wrong. */
#ifndef LATHE_DRIVER_DRIVER_H
#define LATHE_DRIVER_DRIVER_H

#include "../../runtime/dataset.h"
#include "../../runtime/lathe_abi.h"
#include "../codegen/codegen.h"
#include "../frontend/onnx/onnx.h"
#include "../ir/module.h"
#include "options.h"

/* ---- subcommands (cmd_*.c) ------------------------------------------------------------------ */

int cmd_compile(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_tune(int argc, char **argv);
int cmd_evaluate(int argc, char **argv);
int cmd_predict(int argc, char **argv);
int cmd_fetch(int argc, char **argv);
int cmd_summary(int argc, char **argv);
int cmd_layers(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_reproduce(int argc, char **argv);
int cmd_convert(int argc, char **argv);

/* ---- shared by subcommands (shared.c) ------------------------------------------------------- */

/* Prints "lathe: error: ..." and returns 1, the exit status. */
__attribute__((format(printf, 1, 2))) int user_error(const char *fmt, ...);

/* Reads the model description o->args[0] (its variable by --model) and applies --loss and its like.
 * Prints every diagnostic; NULL after an error. */
Module *open_model(Arena *a, const Options *o);

/* Too many parameters are an error. */
void check_size(const Module *m, Diag *d);
/* --loss, --optimizer, --learning-rate and --metric of o; errors go to d. */
void apply_training(Module *m, const Options *o, Diag *d);

/* --input-scale. False after an error was printed. */
bool read_input_scale(Module *m, const Options *o);

/* ---- ONNX models (onnx_arrays.c) ------------------------------------------------------------ */

bool is_onnx(const char *path);
/* open_model for an ONNX file: sizes by --input-shape, sizes and values by --input. */
Module *open_onnx(Arena *a, const Options *o);
/* The arrays of --input, and the sizes of --input-shape. False after an error was printed. */
bool read_given(Arena *a, const Options *o, OnnxImport *out);

/* Sets from a safetensors or Keras file the data of every weight and statistic of m (the file must
 * have each with its shape), and input scale and class names where the file has them. False after
 * an error was printed. */
bool open_weights(Module *m, const char *path);
/* Whether the model came with its weights, or open_weights set them. */
bool has_weights(const Module *m);
/* The same; prints an error where it has not. */
bool check_weights(const Module *m);

/* Class names, a line each. */
void set_classes(Module *m, const char *text);

/* --preprocess, else for `photographs` what a built-in network needs: puts it in front of the
 * model. False after an error was printed. */
bool preprocess(Module *m, const Options *o, bool photographs);

/* --resize: the filter of templates/resize.h.in (default: nearest), and --shorter (default: 0).
 * False after an error was printed. */
bool resize_options(const Options *o, int *filter, int *shorter);

/* --classes (classes.c): gives m these names; without the option m keeps those that it has, and a
 * built-in network with 1,000 outputs has ImageNet's. False after an error was printed. */
bool open_classes(Module *m, const Options *o);

/* Runs the training or inference pipeline with --after, --verbose and --paranoid of o. Inference
 * folds weights: parameters that open_weights did not set are drawn from --seed. False after an
 * error was printed. */
bool run_passes(Module *m, bool train, const Options *o);

enum { DEFAULT_TRAIN_BATCH = 32 };
/* --target (default: host), --batch (default: `batch`), --reproducible. False after an error was
 * printed. */
bool codegen_options(const Options *o, bool train, int batch, CodegenOptions *out);

/* ---- between modules and the state of compiled models (state.c) ----------------------------- */

/* Hands the data of m's parameters, where they have any, to the state of the compiled model. */
void import_params(const Module *m, const lathe_model *model, void *state);
/* Gives m's parameters the values that they have in the state. */
void export_params(Module *m, const lathe_model *model, const void *state);

/* ---- data sets (data.c) --------------------------------------------------------------------- */

/* Loads the parts (LATHE_TRAIN | LATHE_TEST) of a data set and checks that their samples have the
 * shape of m's input; a part that was asked for may come out empty. For images whose channels come
 * last m's input becomes such an image too. `window` is that of lathe_data_request. False after an
 * error was printed, with *d freed. */
bool open_data(Module *m, const char *path, int parts, int64_t window, lathe_dataset *d);

/* Brings a streamed set's first `count` samples into memory, all if it has fewer; sets in memory
 * stay as they are. False after an error was printed. */
bool hold_samples(lathe_samples *s, int64_t count);

/* Makes an input image of m whose channels come first one whose channels come last. */
bool take_images(Module *m);

/* Gives m the data's class names, which go into generated code. They must outlive m. */
void use_class_names(Module *m, const lathe_dataset *d);

#endif
