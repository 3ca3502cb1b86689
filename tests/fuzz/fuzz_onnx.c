/* An ONNX file, to a module, without lathe-parse; and the unpacked message, damaged as by a parser
 * that the file has taken over: what passes the check is read like any other. */
#include "../../compiler/frontend/onnx/onnx.h"
#include "../../compiler/frontend/onnx/unpack.h"
#include "../../compiler/jail/message_check.h"
#include "../../compiler/jail/message_unpack.h"
#include "fuzz_model.h"
#include "onnx.pb-c.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ROOM = 1 << 26, MOST_DAMAGES = 3 };

/* How many words of the next message are damaged, and the state of their choice. */
static int damages;
static uint64_t choice;

static uint64_t choose(uint64_t n) {
    choice = choice * 6364136223846793005u + 1442695040888963407u;
    return (choice >> 33) % n;
}

/* To a pointer into the memory, a size, or a bit more or less. */
static void damage(char *memory, size_t used) {
    uint64_t word;
    char *at = memory + 8 * choose(used / 8);
    memcpy(&word, at, sizeof word);
    switch (choose(4)) {
    case 0: word = (uintptr_t)memory + choose(used + 16); break;
    case 1: word = choose(used); break;
    case 2: word ^= UINT64_C(1) << choose(64); break;
    default: word += choose(33) - 16; break;
    }
    memcpy(at, &word, sizeof word);
}

static bool unpack_here(int file, uint64_t size, bool graph, OnnxTree *t, lathe_error *e) {
    const ProtobufCMessageDescriptor *kind =
        graph ? &lathe_onnx__graph__descriptor : &lathe_onnx__model__descriptor;
    size_t used;
    unsigned char *packed = malloc(size + 1);
    CHECK(packed && pread(file, packed, size, 0) == (ssize_t)size);
    *t = (OnnxTree){.size = ROOM};
    t->memory = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(t->memory != MAP_FAILED);
    t->message = unpack_message(kind, packed, size, t->memory, ROOM, &used);
    free(packed);
    const MessageMemory memory = {t->memory, used};
    for (int i = 0; t->message && i < damages; i++) damage(t->memory, used);
    bool ok = t->message && check_message(&memory, kind, t->message);
    CHECK(ok || !t->message || damages);
    if (ok) return true;
    onnx_tree_free(t);
    return lathe_fail(e, "it is damaged");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int file = memfd_create("fuzz", 0);
    CHECK(file >= 0 && write(file, data, size) == (ssize_t)size);
    onnx_unpack = unpack_here;
    choice = size;
    for (int damaged = 0; damaged <= 1; damaged++) {
        Arena *a = arena_new();
        Diag d;
        damages = damaged ? 1 + (int)choose(MOST_DAMAGES) : 0;
        diag_init(&d, a, "/nonexistent/fuzz.onnx", NULL);
        Module *m = onnx_load(a, "/nonexistent/fuzz.onnx", file, size, NULL, &d);
        check_model(m, &d);
        arena_free(a);
    }
    close(file);
    return 0;
}
