/* Golden tests of the script front end: every script in a folder is loaded, and what the user would
 * see is compared with the .expected file beside it. `test_cases FOLDER --update` writes the files
 * anew; look at the difference before committing it. */
#include "../../compiler/frontend/frontend.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CASES = 1000, MAX_BYTES = 1 << 20 };

static char *read_file(Arena *a, const char *path, size_t *length) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *text = arena_alloc(a, MAX_BYTES, 1);
    *length = fread(text, 1, MAX_BYTES - 1, f);
    fclose(f);
    return text;
}

static void describe_module(Arena *a, const Module *m, FILE *out) {
    int64_t total = 0, trainable = 0;
    for (int i = 0; i < m->nparams; i++) {
        const Param *p = &m->params[i];
        if (p->role != PARAM_CONST) total += shape_count(&p->type.shape);
        if (p->trainable) trainable += shape_count(&p->type.shape);
    }
    fprintf(out, "%s %s: %lld parameters, %lld trainable\n",
            m->sequential ? "sequential" : "functional", m->model_name, (long long)total,
            (long long)trainable);
    for (int i = 0; i < m->nlayers; i++)
        fprintf(out, "  %s (%s) %s\n", m->layers[i].name, m->layers[i].class_name,
                shape_text(a, &m->layers[i].outputs[0]));
    const Optimizer *o = &m->train.optimizer;
    if (m->train.compiled) fprintf(out, "  %s %g", o->name, (double)o->learning_rate);
    for (int i = 0; i < m->train.noutputs; i++) {
        const OutputTraining *t = &m->train.outputs[i];
        fprintf(out, ", %s%s", t->loss_name ? t->loss_name : "no loss",
                t->from_logits ? " from logits" : "");
        if (t->weight != 1.0f) fprintf(out, " times %g", (double)t->weight);
        fprintf(out, ", metric %d", (int)t->metric);
    }
    if (m->train.compiled) fputc('\n', out);
    const FitConfig *fit = &m->fit;
    if (fit->seen)
        fprintf(out, "  fit: %d epochs of batches of %d, split %g%s, %d class weights%s\n",
                fit->epochs, fit->batch, fit->validation_split, fit->in_order ? ", in order" : "",
                fit->nclass_weights, fit->callbacks ? ", callbacks" : "");
}

/* Messages and module of one script as text. */
static char *run_case(Arena *a, const char *folder, const char *name, size_t *length) {
    size_t bytes = 0;
    char *source = read_file(a, arena_printf(a, "%s/%s", folder, name), &bytes), *text = NULL;
    CHECK(source != NULL);
    FILE *out = open_memstream(&text, length);
    Diag d;
    Module *m = keras_script_load(a, name, source, bytes, NULL, &d);
    diag_print(&d, out);
    if (m) {
        const char *wrong = verify_module(m);
        if (wrong) fprintf(out, "verify: %s\n", wrong);
        describe_module(a, m, out);
    }
    fclose(out);
    return text;
}

static bool check_case(const char *folder, const char *name, bool update) {
    Arena *a = arena_new();
    size_t length = 0, expected_length = 0;
    char *text = run_case(a, folder, name, &length);
    char *path = arena_printf(a, "%s/%.*s.expected", folder, (int)strlen(name) - 3, name);
    bool ok = true;
    if (update) {
        FILE *f = fopen(path, "wb");
        CHECK(f != NULL);
        fwrite(text, 1, length, f);
        fclose(f);
    } else {
        char *expected = read_file(a, path, &expected_length);
        ok = expected && length == expected_length && memcmp(text, expected, length) == 0;
        if (!ok)
            printf("%s: expected\n%s\nbut got\n%s\n", name, expected ? expected : "(no file)",
                   text);
    }
    free(text);
    arena_free(a);
    return ok;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    bool update = argc > 2 && strcmp(argv[2], "--update") == 0;
    DIR *dir = opendir(argv[1]);
    if (!dir) {
        perror(argv[1]);
        return 2;
    }
    Arena *a = arena_new();
    char *names[MAX_CASES];
    int count = 0, wrong = 0;
    for (struct dirent *e; (e = readdir(dir)) && count < MAX_CASES;) {
        size_t n = strlen(e->d_name);
        if (n > 3 && strcmp(e->d_name + n - 3, ".py") == 0)
            names[count++] = arena_strdup(a, e->d_name);
    }
    closedir(dir);
    qsort(names, (size_t)count, sizeof *names, compare_names);
    for (int i = 0; i < count; i++) wrong += !check_case(argv[1], names[i], update);
    printf("%d of %d scripts give what is expected\n", count - wrong, count);
    arena_free(a);
    return wrong || count == 0;
}
