#include "message_unpack.h"

typedef struct {
    char *memory;
    size_t room, used;
} Block;

static void *allocate(void *data, size_t size) {
    Block *b = data;
    if (size > b->room - b->used || b->room - b->used - size < 8) return NULL;
    char *p = b->memory + b->used;
    b->used += (size + 7) & ~(size_t)7;
    return p;
}

static void keep(void *data, void *p) { (void)data, (void)p; }

void *unpack_message(const ProtobufCMessageDescriptor *kind, const void *packed, size_t size,
                     void *memory, size_t room, size_t *used) {
    Block b = {memory, room, 0};
    ProtobufCAllocator allocator = {allocate, keep, &b};
    void *message = protobuf_c_message_unpack(kind, &allocator, size, packed);
    *used = b.used;
    return message;
}
