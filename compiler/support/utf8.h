/* UTF-8 (RFC 3629). */
#ifndef LATHE_SUPPORT_UTF8_H
#define LATHE_SUPPORT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the well-formed sequence at p, of which `left` > 0 bytes are there, and its
 * character in *c; 0 where there is none. */
size_t utf8_decode(const unsigned char *p, size_t left, uint32_t *c);

#endif
