/* What printer and parser of the text form share. */
#ifndef LATHE_IR_TEXT_H
#define LATHE_IR_TEXT_H

#include <stdbool.h>
#include <string.h>

/* By ParamRole and OptimizerKind. */
static const char *const role_names[] = {"weight", "statistic", "slot", "const", 0};
static const char *const optimizer_names[] = {"none", "sgd", "adam", "rmsprop", 0};

/* Characters of names that need no quotes. */
static inline bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("_./+", c) != NULL);
}

#endif
