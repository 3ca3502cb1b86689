/* lathe reproduce: trains a fixed small network and prints the SHA-256 of its weights, which is the
 * same on every machine; or writes the C program that does it, for machines that lathe is not on.
 */
#include "../../runtime/files.h"
#include "../../runtime/train.h"
#include "../frontend/frontend.h"
#include "driver.h"
#include "native.h"

#include "reproduce_main.h"
#include "reproduce_model.h"
#include "reproduce_text.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "../../templates/random.h.in"

#include "reproduce_run.h"

static const OptionUse options[] = {
    {OPTION_OUTPUT, "FILE.c: write the program that trains it and writes the weights' bytes, "
                    "instead of running it"},
    {OPTION_TARGET, NULL},
    {OPTION_REPRODUCIBLE, NULL},
    {OPTION_THREADS, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "reproduce",
    "[options]",
    "Trains a small network (convolutions, batch normalisation, dropout, dense layers, Adam) on "
    "data "
    "from\nits random numbers, and prints the SHA-256 of the weights. README.md says which value "
    "must come out.",
    0,
    0,
    options};

/* All lines of a text of text_to_c.py. */
static void put_lines(StrBuf *b, const char *const *line) {
    for (; *line; line++) strbuf_printf(b, "%s\n", *line);
}

static Module *read_network(Arena *a) {
    StrBuf text = {0};
    Diag d;
    put_lines(&text, reproduce_model_text);
    const char *source = arena_strdup(a, text.text);
    strbuf_free(&text);
    Module *m = keras_script_load(a, "reproduce.py", source, strlen(source), NULL, &d);
    diag_print(&d, stderr);
    if (m) m->name = "reproduce";
    return m;
}

static bool write_program(Module *m, const CodegenOptions *o, const char *path) {
    Generated g = {0};
    CodegenOptions single = *o;
    Diag d;
    lathe_error e;
    single.single = true;
    diag_init(&d, m->arena, NULL, NULL);
    bool ok = generate(m, &single, &g, &d);
    diag_print(&d, stderr);
    if (ok) {
        put_lines(&g.source, reproduce_run_text);
        put_lines(&g.source, reproduce_main_text);
        ok = lathe_write_file(path, g.source.text, g.source.length, &e);
        if (!ok) user_error("%s", e.text);
    }
    generated_free(&g);
    return ok;
}

/* Weights and statistics as floats, in Keras's order. */
static bool add_weights(EVP_MD_CTX *digest, const lathe_model *m, const void *state) {
    bool ok = true;
    for (int i = 0; ok && i < m->tensors; i++) {
        size_t bytes = (size_t)m->tensor[i].count * sizeof(float);
        float *values = m->tensor[i].role == LATHE_SLOT ? NULL : malloc(bytes);
        if (!values) continue;
        m->export_tensor(state, i, values);
        ok = EVP_DigestUpdate(digest, values, bytes) == 1;
        free(values);
    }
    return ok;
}

static bool print_sum(const lathe_model *m, const void *state) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool ok = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
              add_weights(digest, m, state) && EVP_DigestFinal_ex(digest, sum, &length) == 1;
    EVP_MD_CTX_free(digest);
    if (!ok) return user_error("the SHA-256 of the weights cannot be computed"), false;
    for (unsigned i = 0; i < length; i++) printf("%02x", sum[i]);
    puts("  weights");
    return true;
}

static bool train(const Native *n) {
    const lathe_model *m = n->model;
    void *state = lathe_aligned_alloc(m->alignment, m->state_bytes);
    void *workspace = lathe_aligned_alloc(m->alignment, m->workspace_bytes);
    bool ok = state && workspace;
    if (ok) {
        double start = lathe_seconds();
        double loss = reproduce_train(m, state, workspace, lathe_pool_run, n->pool);
        printf("%d steps in %.3f s for %s, loss %.6f in the last\n", RUN_STEPS,
               lathe_seconds() - start, m->target_name[0], loss / RUN_BATCH);
        ok = print_sum(m, state);
    } else {
        user_error("out of memory");
    }
    free(state);
    free(workspace);
    return ok;
}

int cmd_reproduce(int argc, char **argv) {
    Options o;
    CodegenOptions c;
    Native n = {0};
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    Arena *a = arena_new();
    Module *m = read_network(a);
    bool ok = m && run_passes(m, true, &o) && codegen_options(&o, true, RUN_BATCH, &c);
    if (ok && option_given(&o, OPTION_OUTPUT)) {
        ok = write_program(m, &c, o.text[OPTION_OUTPUT]);
    } else if (ok) {
        ok = native_build(m, &c, (int)option_number(&o, OPTION_THREADS, 0), false, &n) && train(&n);
        native_free(&n);
    }
    arena_free(a);
    return ok ? 0 : 1;
}
