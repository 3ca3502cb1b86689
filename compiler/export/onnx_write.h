/* Writing a model as ONNX. */
#ifndef LATHE_EXPORT_ONNX_WRITE_H
#define LATHE_EXPORT_ONNX_WRITE_H

#include "../ir/module.h"

/* Writes m's forward function (every parameter has data) as an ONNX file of opset 17 that computes
 * the same; inputs and outputs have the shapes that the description gives them. False and an error
 * in d, which lists every operation that cannot be written, or says why the file cannot. */
bool onnx_save(const Module *m, const char *path, Diag *d);

#endif
