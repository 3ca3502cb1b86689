/* Keras's table of a model: layers, output shapes, parameter counts. */
#ifndef LATHE_IR_SUMMARY_H
#define LATHE_IR_SUMMARY_H

#include "module.h"

/* `columns`: the width of the terminal, from which the table's width follows as in Keras. */
void print_summary(const Module *m, int columns, StrBuf *out);

#endif
