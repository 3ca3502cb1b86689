/* The measurement reads what gcc writes: an ELF file, and the call graph with the stack of each
 * function (-fcallgraph-info=su). */
#include "firmware.h"

#include "../../runtime/files.h"
#include "call_graph.h"
#include "toolchain.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usual_compiler[] =
    "arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16";

enum {
    MAX_STACK = 4096,  /* of any generated code: the interface's promise */
    OPENED_BYTES = 20, /* NAME_weights: five words */
    MAX_OUTPUT = 1 << 30
};

typedef struct {
    int64_t flash, data; /* sections that are read only, and that are written */
    int64_t stack;
} Measured;

/* ---- sections ------------------------------------------------------------------------------- */

static void add_section(const Elf32_Shdr *s, Measured *to) {
    if (!(s->sh_flags & SHF_ALLOC)) return;
    *(s->sh_flags & SHF_WRITE ? &to->data : &to->flash) += s->sh_size;
}

static bool measure_sections(const char *path, Measured *to) {
    unsigned char *file;
    size_t size;
    lathe_error e;
    Elf32_Ehdr h;
    if (!lathe_read_file(path, MAX_OUTPUT, &file, &size, &e)) return false;
    bool ok = size >= sizeof h && !memcmp(file, ELFMAG, SELFMAG) && file[EI_CLASS] == ELFCLASS32;
    if (ok) memcpy(&h, file, sizeof h);
    ok = ok && h.e_machine == EM_ARM && h.e_shentsize == sizeof(Elf32_Shdr) && h.e_shoff <= size &&
         h.e_shnum <= (size - h.e_shoff) / sizeof(Elf32_Shdr);
    for (int i = 0; ok && i < h.e_shnum; i++) {
        Elf32_Shdr s;
        memcpy(&s, file + h.e_shoff + (size_t)i * sizeof s, sizeof s);
        add_section(&s, to);
    }
    free(file);
    return ok;
}

/* ---- the cross compiler --------------------------------------------------------------------- */

static const char *cross_compiler(void) {
    const char *own = getenv("CC");
    return own && strstr(own, "arm-none-eabi") ? own : usual_compiler;
}

static bool compile_code(Arena *a, const WorkFolder *w, const char *object) {
    char *words[MAX_WORDS + 8];
    int n = split_command(a, cross_compiler(), words);
    char *fixed[] = {"-O2", "-fcallgraph-info=su", "-c", "-o", (char *)object, w->source};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) words[n++] = fixed[i];
    words[n] = NULL;
    return run_command(words, w) == 0;
}

/* *built stays false where no compiler does it. False after an error was printed. */
static bool measure_in(Arena *a, const Module *m, const Generated *g, Measured *to, bool *built) {
    WorkFolder w;
    if (!work_folder_make(a, m->name, &w)) return false;
    const char *object = arena_printf(a, "%s/code.o", w.folder);
    bool ok = write_sources(g, &w);
    *built = ok && compile_code(a, &w, object) && measure_sections(object, to) &&
             worst_stack(a, arena_printf(a, "%s/code.ci", w.folder), m->name, &to->stack);
    work_folder_remove(&w);
    return ok;
}

bool print_firmware(const Module *m, const Generated *g) {
    Measured is = {0};
    bool built = false;
    struct sigaction before[2];
    hold_signals(before);
    bool ok = measure_in(m->arena, m, g, &is, &built);
    release_signals(before);
    if (!ok) return false;
    long long weights = g->needs.weights, ram = g->needs.workspace + OPENED_BYTES;
    if (built)
        printf("flash %lld bytes (%lld of weights), RAM %lld bytes, stack %lld bytes: %s\n",
               (long long)is.flash + (g->image ? weights : 0), weights, ram + (long long)is.data,
               (long long)is.stack, cross_compiler());
    else
        printf("flash about %lld bytes (%lld of weights), RAM %lld bytes, stack below %d bytes: "
               "estimated, without arm-none-eabi-gcc\n",
               weights + (long long)g->needs.code, weights, ram, MAX_STACK);
    return true;
}
