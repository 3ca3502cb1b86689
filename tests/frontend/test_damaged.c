/* Damaged scripts: every example cut off at every byte, with bytes deleted, and with bytes replaced
 * by characters that mean something. Whatever comes of it, the front end must return; under the
 * sanitizers it must not touch memory that is not its own. */
#include "../../compiler/frontend/frontend.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 16, DAMAGED = 2000 };

/* A generator of its own, so that a failure can be repeated. */
static uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void load(const char *text, size_t length) {
    Arena *a = arena_new();
    Diag d;
    Module *m = keras_script_load(a, "damaged.py", text, length, NULL, &d);
    const char *wrong = m ? verify_module(m) : NULL;
    if (wrong || (!m && !d.errors)) {
        fprintf(stderr, "%s:\n%.*s\n", wrong ? wrong : "no model and no error", (int)length, text);
        exit(1);
    }
    FILE *sink = fopen("/dev/null", "w");
    if (sink) {
        diag_print(&d, sink);
        fclose(sink);
    }
    arena_free(a);
}

static void cut_everywhere(const char *text, size_t length) {
    for (size_t n = 0; n < length; n++) load(text, n);
}

/* One to four bytes deleted, replaced or doubled. */
static void damage(const char *text, size_t length, uint64_t *state) {
    static const char meaningful[] = "()[]{}:,.=+-*/%'\"\\\n \t#@0919f_\x80\xC3";
    char copy[MAX_BYTES + 8];
    memcpy(copy, text, length);
    for (uint32_t k = next_random(state) % 4 + 1; k > 0 && length > 1; k--) {
        size_t at = next_random(state) % length;
        switch (next_random(state) % 3) {
        case 0: memmove(copy + at, copy + at + 1, --length - at); break;
        case 1: copy[at] = meaningful[next_random(state) % (sizeof meaningful - 1)]; break;
        default: memmove(copy + at + 1, copy + at, length++ - at); break;
        }
    }
    load(copy, length);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        static char text[MAX_BYTES];
        uint64_t state = (uint64_t)i;
        FILE *f = fopen(argv[i], "rb");
        if (!f) {
            perror(argv[i]);
            return 2;
        }
        size_t length = fread(text, 1, sizeof text, f);
        fclose(f);
        cut_everywhere(text, length);
        for (int k = 0; k < DAMAGED; k++) damage(text, length, &state);
    }
    return argc < 2 ? 2 : 0;
}
