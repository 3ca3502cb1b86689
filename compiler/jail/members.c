/* Members of archives and gzipped files, unpacked by lathe-parse. */
#include "jail.h"

#include "../../runtime/files.h"

#include <stdlib.h>

bool jail_has_member(Jail *j, const char *name, bool *has, lathe_error *e) {
    int64_t found;
    jail_ask(j, JAIL_HAS_MEMBER, name, "libzip", 0);
    if (!jail_answer(j, e)) return false;
    if (!wire_get_number(&j->wire, 1, &found)) return jail_damaged(j, e);
    *has = found;
    return true;
}

/* All pieces; *bytes grows by what comes, up to `most`. */
static bool get_pieces(Jail *j, size_t most, unsigned char **bytes, size_t *size, lathe_error *e) {
    size_t capacity = *size;
    *size = 0;
    for (;;) {
        int64_t n;
        if (!wire_get_number(&j->wire, JAIL_DAMAGED, &n)) return jail_damaged(j, e);
        if (n == 0) return true;
        if (n == JAIL_DAMAGED) return jail_answer(j, e) && jail_damaged(j, e);
        if ((size_t)n > most - *size)
            return lathe_fail(e, "unpacks to too much (over %zu bytes)", most);
        while (*size + (size_t)n > capacity) {
            capacity = capacity ? 2 * capacity : (size_t)4 * JAIL_PIECE;
            unsigned char *grown = realloc(*bytes, capacity);
            if (!grown) return lathe_fail(e, "out of memory for %zu bytes", capacity);
            *bytes = grown;
        }
        if (!wire_get(&j->wire, *bytes + *size, (size_t)n)) return jail_damaged(j, e);
        *size += (size_t)n;
    }
}

static bool keep(bool ok, unsigned char **bytes) {
    if (ok) return true;
    free(*bytes);
    *bytes = NULL;
    return false;
}

bool jail_read_member(Jail *j, const char *name, unsigned char **bytes, size_t *size,
                      lathe_error *e) {
    int64_t n;
    *bytes = NULL;
    jail_ask(j, JAIL_READ_MEMBER, name, "libzip", 0);
    if (!jail_answer(j, e)) return false;
    if (!wire_get_number(&j->wire, INT64_MAX - 1, &n) ||
        !lathe_may_unpack((uint64_t)n, j->file_size))
        return jail_damaged(j, e);
    *bytes = malloc((size_t)n + 1);
    if (!*bytes) return lathe_fail(e, "out of memory for %zu bytes", (size_t)n);
    *size = (size_t)n;
    jail_expect(j, (uint64_t)n);
    bool ok = get_pieces(j, (size_t)n, bytes, size, e);
    return keep(ok && (*size == (size_t)n || jail_damaged(j, e)), bytes);
}

bool jail_gunzip(Jail *j, size_t most, unsigned char **bytes, size_t *size, lathe_error *e) {
    *bytes = NULL;
    *size = 0;
    jail_ask(j, JAIL_GUNZIP, NULL, "zlib", most);
    return jail_answer(j, e) && keep(get_pieces(j, most, bytes, size, e), bytes);
}
