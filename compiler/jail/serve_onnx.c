/* ONNX: a model, or a graph that lies inside of one, unpacked into the shared memory. */
#include "message_unpack.h"
#include "onnx.pb-c.h"
#include "parse.h"

#include <sys/mman.h>

bool serve_onnx(Parse *p) {
    int64_t graph, address;
    size_t used;
    if (!wire_get_number(&p->wire, 1, &graph) || !wire_get_number(&p->wire, INTPTR_MAX, &address))
        return false;
    void *at = (void *)(intptr_t)address;
    void *memory = mmap(at, (size_t)p->hello.shared, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_FIXED_NOREPLACE, JAIL_SHARED, 0);
    if (memory != at) return put_data(p) && wire_put_number(&p->wire, 0);
    const char *message = unpack_message(
        graph ? &lathe_onnx__graph__descriptor : &lathe_onnx__model__descriptor,
        p->file ? p->file : "", (size_t)p->hello.file, memory, (size_t)p->hello.shared, &used);
    if (!message)
        return put_error(p,
                         graph ? "it is damaged" : "the file is no ONNX model, or it is damaged");
    return put_data(p) && wire_put_number(&p->wire, (int64_t)used) &&
           wire_put_number(&p->wire, message - (char *)memory);
}
