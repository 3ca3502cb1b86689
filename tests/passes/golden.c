/* Runs every golden/NAME.ir through the pass that its first line names ("# pass: dead-code") and
 * compares the printed module with NAME.expected. If the pass is to fail, NAME.expected holds the
 * messages. Also checks that the printed module parses back to the same text. */
#include "../../compiler/passes/passes.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static char *read_text(Arena *a, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char chunk[4096];
    StrBuf b = {0};
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) strbuf_bytes(&b, chunk, n);
    fclose(f);
    char *text = arena_strndup(a, b.text ? b.text : "", b.length);
    strbuf_free(&b);
    return text;
}

static const Pass *find_pass(const char *name) {
    const Pass *lists[] = {inference_passes, training_passes};
    for (int i = 0; i < 2; i++) {
        for (const Pass *p = lists[i]; p->name; p++) {
            if (strcmp(p->name, name) == 0) return p;
        }
    }
    return NULL;
}

/* The name behind "# pass: " in the first line. */
static const Pass *pass_of(Arena *a, const char *text) {
    static const char mark[] = "# pass: ";
    if (strncmp(text, mark, sizeof mark - 1) != 0) return NULL;
    text += sizeof mark - 1;
    return find_pass(arena_strndup(a, text, strcspn(text, "\n")));
}

static bool round_trips(Arena *a, const char *text) {
    Diag d;
    diag_init(&d, a, NULL, text);
    Module *m = parse_module(a, text, &d);
    if (!m) {
        diag_print(&d, stderr);
        return false;
    }
    StrBuf again = {0};
    print_module(m, &again);
    bool same = strcmp(again.text, text) == 0;
    strbuf_free(&again);
    return same;
}

/* The printed module, or the messages of a pass that failed; NULL if the test itself is broken. */
static const char *run_case(Arena *a, const char *path, const char *text) {
    Diag d;
    diag_init(&d, a, path, text);
    const Pass *pass = pass_of(a, text);
    Module *m = pass ? parse_module(a, text, &d) : NULL;
    const char *violation = m ? verify_module(m) : "no pass, or it does not parse";
    if (violation) {
        diag_print(&d, stderr);
        fprintf(stderr, "%s: %s\n", path, violation);
        return NULL;
    }
    StrBuf out = {0};
    if (pass->run(&(PassContext){.module = m, .diag = &d})) print_module(m, &out);
    for (int i = 0; i < d.count; i++) strbuf_printf(&out, "error: %s\n", d.messages[i].text);
    const char *result = arena_strdup(a, out.text);
    strbuf_free(&out);
    if (d.errors) return result;
    violation = verify_module(m);
    if (violation) fprintf(stderr, "%s: afterwards: %s\n", path, violation);
    if (!violation && !round_trips(a, result)) {
        fprintf(stderr, "%s: the result does not parse back to the same text:\n%s", path, result);
        return NULL;
    }
    return violation ? NULL : result;
}

static bool check_case(const char *directory, const char *file, bool update) {
    Arena *a = arena_new();
    int stem = (int)strlen(file) - 3;
    const char *input = arena_printf(a, "%s/%s", directory, file);
    const char *expected_path = arena_printf(a, "%s/%.*s.expected", directory, stem, file);
    const char *text = read_text(a, input), *expected = read_text(a, expected_path);
    const char *result = text ? run_case(a, input, text) : NULL;
    bool ok = result && expected && strcmp(result, expected) == 0;
    if (result && update) {
        FILE *f = fopen(expected_path, "wb");
        ok = f && fputs(result, f) >= 0;
        if (f) ok = fclose(f) == 0 && ok;
    } else if (result && !ok) {
        fprintf(stderr, "%s: expected\n%s\nfound\n%s\n", input, expected ? expected : "a file",
                result);
    }
    arena_free(a);
    return ok;
}

int main(int argc, char **argv) {
    DIR *directory = argc > 1 ? opendir(argv[1]) : NULL;
    bool update = argc > 2 && strcmp(argv[2], "--update") == 0;
    int cases = 0, failures = 0;
    if (!directory) {
        fprintf(stderr, "usage: golden DIR [--update]\n");
        return 1;
    }
    for (struct dirent *e; (e = readdir(directory));) {
        size_t n = strlen(e->d_name);
        if (n < 4 || strcmp(e->d_name + n - 3, ".ir") != 0) continue;
        cases++;
        failures += !check_case(argv[1], e->d_name, update);
    }
    closedir(directory);
    printf("%d cases, %d failures\n", cases, failures);
    return cases == 0 || failures > 0;
}
