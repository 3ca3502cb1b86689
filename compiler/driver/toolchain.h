/* What runs a C compiler: a private folder, commands, and signals that wait. */
#ifndef LATHE_DRIVER_TOOLCHAIN_H
#define LATHE_DRIVER_TOOLCHAIN_H

#include "../codegen/codegen.h"

#include <signal.h>

/* A folder that nobody else reads, and where generated code and a command's output go in it. */
typedef struct {
    char *folder, *source, *header, *log;
} WorkFolder;

/* For the code of the model `name`. False after an error was printed. */
bool work_folder_make(Arena *a, const char *name, WorkFolder *w);
/* With all files in it. */
void work_folder_remove(const WorkFolder *w);
bool write_sources(const Generated *g, const WorkFolder *w);

enum { MAX_WORDS = 64, NO_PROGRAM = 127 };

/* Splits at spaces a compiler with its options ("ccache gcc"): at most MAX_WORDS words. */
int split_command(Arena *a, const char *command, char **words);
/* Runs a command with its output in w->log. Its exit status; NO_PROGRAM where there is no such
 * program; 128 + the signal that ended it. */
int run_command(char **words, const WorkFolder *w);

/* Between the two Ctrl-C and SIGTERM are only remembered. */
void hold_signals(struct sigaction before[2]);
void release_signals(const struct sigaction before[2]);

#endif
