/* UTF-8 (RFC 3629). */
#ifndef LATHE_SUPPORT_UTF8_H
#define LATHE_SUPPORT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The length of the well-formed sequence at p, of which `left` > 0 bytes are there, and its
 * character in *c; 0 where there is none. */
size_t utf8_decode(const unsigned char *p, size_t left, uint32_t *c);

/* Controls, spaces without width, marks and overrides of the direction, tags, non-characters. */
bool utf8_is_hidden(uint32_t c);

/* ---- text that holds names of a model, for a terminal -------------------------------------------
 * What is hidden, but line ends and tabs, is shown as [U+001B], what is no UTF-8 as [0xFF]. */
enum { UTF8_SHOWN = 16 };
/* What is shown for the character at text, of which `left` > 0 bytes are there; returns its bytes.
 */
size_t utf8_shown(const char *text, size_t left, char shown[UTF8_SHOWN]);
int utf8_width(const char *shown); /* characters */
void utf8_print(FILE *out, const char *text, size_t length);
/* On standard output, followed by spaces up to `width` characters. */
void utf8_print_name(const char *name, int width);

#endif
