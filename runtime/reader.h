/* The one bounds-checked reader of untrusted bytes: nothing is read beyond the end, and the first
 * failure sticks, so that a parser may check once at its end. */
#ifndef LATHE_RUNTIME_READER_H
#define LATHE_RUNTIME_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lathe_reader {
    const unsigned char *bytes;
    size_t size, at;
    bool failed;
} lathe_reader;

/* The next n bytes, or NULL where fewer are left. */
const unsigned char *lathe_read_bytes(lathe_reader *r, size_t n);
/* Little-endian, and big-endian; 0 after a failure. */
uint64_t lathe_read_le(lathe_reader *r, int bytes);
uint64_t lathe_read_be(lathe_reader *r, int bytes);
/* The next byte without or with moving on; -1 at the end or after a failure. */
int lathe_peek(const lathe_reader *r);
int lathe_read_byte(lathe_reader *r);
/* Moves over `text`, which must come next. */
bool lathe_expect(lathe_reader *r, const char *text);
/* A decimal number without sign, leading zeros or overflow of int64_t. */
int64_t lathe_read_decimal(lathe_reader *r);
/* Marks the failure and returns false. */
bool lathe_reader_fail(lathe_reader *r);
size_t lathe_reader_left(const lathe_reader *r);

/* *product = a * b; false if it exceeds `most`. For sizes: all of them are >= 0. */
bool lathe_multiply(int64_t a, int64_t b, int64_t most, int64_t *product);

#endif
