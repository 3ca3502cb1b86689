#include "unpack.h"

#include "../../jail/jail.h"
#include "../../jail/message_check.h"
#include "onnx.pb-c.h"

#include <sys/mman.h>
#include <unistd.h>

enum { TRIES = 4 };

/* Memory for what a file unpacks to; none of it is taken before it is used. Names and nodes unpack
 * to many times their size, but they are never many. */
static size_t room_for(uint64_t size) {
    uint64_t small = size < 1 << 26 ? size : 1 << 26;
    return (size_t)(((UINT64_C(1) << 28) + 4 * size + 16 * small) & ~UINT64_C(0xffff));
}

/* An address that is free here, and likely to be so in another process: the system puts programs
 * and libraries elsewhere. */
static void *reserve(size_t size, int try) {
    void *hint = (void *)(intptr_t)((INT64_C(1) << 45) + ((int64_t)try << 40));
    void *at = mmap(try < TRIES / 2 ? hint : NULL, size, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* The answer: *taken, or how much of the memory is used and where in it the message begins. */
static bool ask(Jail *j, bool graph, void *address, bool *taken, size_t *used, size_t *at,
                lathe_error *e) {
    int64_t n, offset = 0;
    jail_ask(j, JAIL_ONNX, NULL, "protobuf", j->file_size);
    wire_put_number(&j->wire, graph);
    wire_put_number(&j->wire, (intptr_t)address);
    if (!jail_answer(j, e)) return false;
    if (!wire_get_number(&j->wire, INT64_MAX, &n) ||
        (n > 0 && !wire_get_number(&j->wire, n, &offset)))
        return jail_damaged(j, e);
    *taken = n == 0;
    *used = (size_t)n;
    *at = (size_t)offset;
    return true;
}

/* One try; the child is gone when it ends, so that nobody writes to the memory any more. */
static bool unpack_at(const JailFiles *files, bool graph, OnnxTree *t, bool *taken,
                      lathe_error *e) {
    size_t used, at;
    Jail *j = jail_start(files, e);
    bool ok = j && ask(j, graph, t->memory, taken, &used, &at, e);
    jail_close(j);
    if (!ok || *taken) return ok;
    void *seen = MAP_FAILED;
    if (used <= t->size)
        seen = mmap(t->memory, used, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
                    files->shared, 0);
    const MessageMemory memory = {t->memory, used};
    t->message = (char *)t->memory + at;
    return (seen == t->memory &&
            check_message(&memory,
                          graph ? &lathe_onnx__graph__descriptor : &lathe_onnx__model__descriptor,
                          t->message)) ||
           lathe_fail(e, "the file is damaged: protobuf made no message of it");
}

static bool unpack_shared(const JailFiles *files, bool graph, OnnxTree *t, lathe_error *e) {
    bool taken = true, ok = true;
    for (int i = 0; i < TRIES && taken && ok; i++) {
        t->size = (size_t)files->shared_size;
        t->memory = reserve(t->size, i);
        if (!t->memory) return lathe_fail(e, "out of memory for %zu bytes", t->size);
        ok = unpack_at(files, graph, t, &taken, e);
        if (!ok || taken) onnx_tree_free(t);
    }
    return ok && (!taken || lathe_fail(e, "lathe and lathe-parse find no memory to share"));
}

static bool unpack_in_jail(int file, uint64_t size, bool graph, OnnxTree *t, lathe_error *e) {
    JailFiles files = {file, memfd_create("lathe", MFD_CLOEXEC), size, room_for(size)};
    bool ok = files.shared >= 0 && ftruncate(files.shared, (off_t)files.shared_size) == 0;
    ok = ok ? unpack_shared(&files, graph, t, e) : lathe_fail(e, "there is no memory to share");
    if (files.shared >= 0) close(files.shared);
    return ok;
}

OnnxUnpack *onnx_unpack = unpack_in_jail;

void onnx_tree_free(OnnxTree *t) {
    munmap(t->memory, t->size);
    *t = (OnnxTree){0};
}
