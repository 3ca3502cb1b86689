/* Unpacks a protobuf message so that all of it lies in one block of memory. */
#ifndef LATHE_JAIL_MESSAGE_UNPACK_H
#define LATHE_JAIL_MESSAGE_UNPACK_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* The message that the `size` bytes at `packed` hold, or NULL; *used bytes of the memory, which
 * begins at an address that is a multiple of 8. */
void *unpack_message(const ProtobufCMessageDescriptor *kind, const void *packed, size_t size,
                     void *memory, size_t room, size_t *used);

#endif
