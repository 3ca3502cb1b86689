/* The header file: the shared types, sizes, and the functions with their contracts. */
#include "emit.h"

#include "abi_text.h"

static void emit_macros(const File *f, StrBuf *w) {
    const char *ID = f->ID;
    strbuf_printf(w, "#define %s_BATCH %d /* most samples a call */\n", ID, f->o->batch);
    strbuf_printf(w, "#define %s_INPUT_COUNT %lld /* floats (or bytes) a sample of input */\n", ID,
                  (long long)shape_count(&f->input->type.shape));
    strbuf_printf(w, "#define %s_OUTPUT_COUNT %lld /* floats a sample of output */\n", ID,
                  (long long)shape_count(&f->output->type.shape));
    float scale = f->m->input_scale;
    strbuf_printf(w, "#define %s_INPUT_SCALE %.9g%s /* raw bytes are divided by this */\n", ID,
                  (double)scale, scale == (float)(int)scale ? ".0f" : "f");
    strbuf_printf(w, "#define %s_ALIGNMENT 64 /* bytes, of workspace, state and weights image */\n",
                  ID);
    strbuf_printf(w, "#define %s_WORKSPACE_BYTES %lld\n", ID, (long long)f->work.floats * 4);
    strbuf_printf(w, "#define %s_STATE_BYTES %lld\n", ID,
                  f->o->train ? (long long)f->params->floats * 4 : 0LL);
    strbuf_printf(w, "#define %s_WEIGHTS_BYTES %zu\n", ID, f->image_bytes);
    strbuf_printf(w, "#define %s_MODEL_HASH UINT64_C(0x%016llX)\n", ID,
                  (unsigned long long)f->model_hash);
    strbuf_printf(w, "#define %s_LAYOUT_HASH UINT64_C(0x%016llX)\n\n", ID,
                  (unsigned long long)f->layout_hash);
}

static void emit_inference(const File *f, StrBuf *w) {
    const char *id = f->id;
    strbuf_printf(w,
                  "/* Binds a weights image (the file %s.weights, read or mapped to 64-byte "
                  "aligned memory; or the embedded\n"
                  " * one) after checking its header. Returns LATHE_OK or a LATHE_E code. The "
                  "image stays the caller's. */\n"
                  "int %s_weights_open(lathe_weights *w, const void *image, size_t bytes);\n"
                  "/* LATHE_OK if the payload's checksum is right. */\n"
                  "int %s_weights_verify(const lathe_weights *w);\n",
                  id, id, id);
    strbuf_printf(w,
                  "/* Predicts n samples, 1 <= n <= BATCH. The workspace is %lld bytes, 64-byte "
                  "aligned, and needs no\n"
                  " * preparation. Calls on distinct workspaces may run at the same time. */\n"
                  "void %s_predict(const lathe_weights *w, void *workspace, int n, const float "
                  "*input, float *output);\n"
                  "void %s_predict_u8(const lathe_weights *w, void *workspace, int n, const "
                  "uint8_t *input, float *output);\n",
                  (long long)f->work.floats * 4, id, id);
}

static void emit_training_header(const File *f, StrBuf *w) {
    const char *id = f->id;
    const char *args = "void *workspace, const lathe_step *s, const float *input, const void "
                       "*labels, lathe_metrics *metrics";
    const char *args_u8 = "void *workspace, const lathe_step *s, const uint8_t *input, const void "
                          "*labels, lathe_metrics *metrics";
    strbuf_printf(w, "/* Labels are %s. metrics may be null. */\n",
                  f->m->train.loss == LOSS_CROSSENTROPY ? "int32_t class indices, one a sample"
                                                        : "floats, OUTPUT_COUNT a sample");
    strbuf_printf(w,
                  "/* Fills a state of STATE_BYTES with initial weights drawn from seed. */\n"
                  "void %s_init(void *state, uint64_t seed);\n",
                  id);
    strbuf_puts(w, "/* One optimizer step on s->n samples: gradients, then apply. */\n");
    strbuf_printf(w,
                  "void %s_train_step(void *state, %s);\nvoid %s_train_step_u8(void *state, %s);\n",
                  id, args, id, args_u8);
    strbuf_puts(w, "/* The same in two halves: gradients stay in the workspace until apply. */\n");
    strbuf_printf(w,
                  "void %s_gradients(void *state, %s);\nvoid %s_gradients_u8(void *state, %s);\n",
                  id, args, id, args_u8);
    strbuf_printf(w, "void %s_apply(void *state, void *workspace, const lathe_step *s);\n", id);
    strbuf_puts(w, "/* Loss and accuracy in inference mode. */\n");
    strbuf_printf(
        w,
        "void %s_evaluate(const void *state, %s);\nvoid %s_evaluate_u8(const void *state, %s);\n",
        id, args, id, args_u8);
    strbuf_printf(w,
                  "/* Tensor i of %s_model.tensor, or its gradient, dense in Keras's order. */\n"
                  "void %s_export_tensor(const void *state, int i, float *out);\n"
                  "void %s_import_tensor(void *state, int i, const float *in);\n"
                  "void %s_export_gradient(const void *workspace, int i, float *out);\n",
                  id, id, id, id);
}

void emit_header(const File *f, StrBuf *w) {
    strbuf_printf(w,
                  "/* %s, generated by lathe. No allocation, no files, no globals: the caller owns "
                  "workspace%s.\n"
                  " * Threads: OpenMP where the C file is compiled with it, or the caller's "
                  "parallel_for, else none. */\n"
                  "#ifndef LATHE_MODEL_%s_H\n#define LATHE_MODEL_%s_H\n\n",
                  f->id, f->o->train ? " and state" : " and weights", f->ID, f->ID);
    for (const char *const *line = lathe_abi_text; *line; line++) strbuf_printf(w, "%s\n", *line);
    strbuf_puts(w, "\n");
    emit_macros(f, w);
    strbuf_puts(w, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    if (f->o->train)
        emit_training_header(f, w);
    else
        emit_inference(f, w);
    strbuf_printf(w,
                  "/* Computes a stored example; state and weights as in lathe_model. */\n"
                  "int %s_self_test(const lathe_weights *w, void *state, void *workspace);\n"
                  "extern const lathe_model %s_model;\n\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n",
                  f->id, f->id);
}
