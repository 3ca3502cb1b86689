/* What a compiled function has in it, as cells of the matrices that tests must fill: each operation
 * with each attribute, and each variant of a convolution with what is behind it (epilogue) and with
 * where its tiles end (tail). */
#ifndef LATHE_TESTS_CODEGEN_MET_H
#define LATHE_TESTS_CODEGEN_MET_H

#include "../../compiler/codegen/variant.h"

enum { PLAIN, BIAS, ACTIVATION, ADDEND, POOLING, EPILOGUES };
enum { WHOLE, ROWS, COLUMNS, BOTH, TAILS };

typedef struct {
    int variant, epilogue, tail;
} ConvCell;

extern const char *const epilogues[EPILOGUES], *const tails[TAILS];

/* The cell of node i of f; false where it is not a convolution that has a choice. */
bool conv_cell(const CodegenOptions *o, const Function *f, int i, ConvCell *cell);
/* Whether any network has it. */
bool conv_cell_exists(ConvCell c);
/* The cells of f, one a line: "op conv2d", "op conv2d stride=1", "op conv2d act=relu",
 * "kernel winograd4/steps addend both". */
void print_cells(const CodegenOptions *o, const Function *f, StrBuf *out);

#endif
