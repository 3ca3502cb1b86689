/* Whether a protobuf message, unpacked by a process that nobody trusts into memory that it shared,
 * is one: checked before anything in it is used. */
#ifndef LATHE_JAIL_MESSAGE_CHECK_H
#define LATHE_JAIL_MESSAGE_CHECK_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

/* Where the message's blocks lie: at the same address as where they were written. */
typedef struct {
    const char *base;
    size_t size;
} MessageMemory;

/* Whether `message` is a message of this kind whose every part lies in the memory, aligned; whose
 * texts end; and whose parts together are no larger than the memory, as they are when no two are
 * the same. Nobody may write to the memory any more. Not looked at are the descriptors and unknown
 * fields of messages: nobody may use them. */
bool check_message(const MessageMemory *memory, const ProtobufCMessageDescriptor *kind,
                   const void *message);

#endif
