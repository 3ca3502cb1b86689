#include "message_check.h"

#include <stdint.h>
#include <string.h>

enum { MOST_DEEP = 32 };

typedef struct {
    const char *base;
    size_t size;
    size_t left; /* of what all parts may take together */
} Check;

static bool is_message(Check *c, const ProtobufCMessageDescriptor *kind, const void *message,
                       int deep);

/* How many bytes of the memory begin at p; 0 if it lies outside. */
static size_t room_at(const Check *c, const void *p) {
    uintptr_t at = (uintptr_t)p - (uintptr_t)c->base;
    return (uintptr_t)p < (uintptr_t)c->base || at >= c->size ? 0 : c->size - at;
}

static bool take(Check *c, const void *p, size_t size, size_t alignment) {
    if (size == 0 || size > room_at(c, p) || size > c->left || (uintptr_t)p % alignment != 0)
        return false;
    c->left -= size;
    return true;
}

static bool is_text(Check *c, const char *text) {
    size_t most = room_at(c, text);
    if (most > c->left) most = c->left;
    const char *end = most ? memchr(text, '\0', most) : NULL;
    return end && take(c, text, (size_t)(end - text) + 1, 1);
}

static bool is_data(Check *c, const ProtobufCBinaryData *b) {
    return (b->len == 0 && !b->data) || take(c, b->data, b->len, 1);
}

/* Of an element of a list; 0 for a type that is none. */
static size_t size_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM: return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    }
    return 0;
}

/* What lies at `at` is, or points to, a value of the field. */
static bool is_value(Check *c, const ProtobufCFieldDescriptor *field, const void *at, int deep) {
    const void *p;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES: return is_data(c, at);
    case PROTOBUF_C_TYPE_STRING: memcpy(&p, at, sizeof p); return is_text(c, p);
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&p, at, sizeof p);
        return is_message(c, field->descriptor, p, deep + 1);
    default: return true;
    }
}

/* Values that were left out are NULL. */
static bool is_left_out(const ProtobufCFieldDescriptor *field, const void *at) {
    const void *p = at;
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        memcpy(&p, at, sizeof p);
    return !p;
}

static bool is_list(Check *c, const ProtobufCFieldDescriptor *field, const char *message,
                    int deep) {
    size_t n, size = size_of(field->type);
    const char *list;
    memcpy(&n, message + field->quantifier_offset, sizeof n);
    memcpy(&list, message + field->offset, sizeof list);
    if (n == 0) return true;
    if (size == 0 || n > INT32_MAX || !take(c, list, n * size, size > 8 ? 8 : size)) return false;
    bool plain = field->type != PROTOBUF_C_TYPE_BYTES && field->type != PROTOBUF_C_TYPE_STRING &&
                 field->type != PROTOBUF_C_TYPE_MESSAGE;
    for (size_t i = 0; i < n && !plain; i++) {
        if (!is_value(c, field, list + i * size, deep)) return false;
    }
    return true;
}

static bool is_message(Check *c, const ProtobufCMessageDescriptor *kind, const void *message,
                       int deep) {
    if (deep > MOST_DEEP || !take(c, message, kind->sizeof_message, 8)) return false;
    for (unsigned i = 0; i < kind->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &kind->fields[i];
        const char *at = (const char *)message + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED
                ? !is_list(c, field, message, deep)
                : !is_left_out(field, at) && !is_value(c, field, at, deep))
            return false;
    }
    return true;
}

bool check_message(const MessageMemory *memory, const ProtobufCMessageDescriptor *kind,
                   const void *message) {
    Check c = {memory->base, memory->size, memory->size};
    return is_message(&c, kind, message, 0);
}
