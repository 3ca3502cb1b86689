/* Members of archives, and gzipped files. After an error was answered, the next request is served.
 */
#include "parse.h"

#include "../../runtime/optional/gunzip.h"

bool open_archive(Parse *p, lathe_error *e) {
    if (!p->zip) p->zip = lathe_zip_open_bytes(p->file, (size_t)p->hello.file, e);
    return p->zip;
}

bool serve_has_member(Parse *p) {
    lathe_error e;
    const char *name = wire_get_text(&p->wire, WIRE_MOST_TEXT, p->arena);
    if (!name) return false;
    if (!open_archive(p, &e)) return put_error(p, e.text);
    return put_data(p) && wire_put_number(&p->wire, lathe_zip_has(p->zip, name));
}

/* A piece of n bytes, or the end. */
static bool put_piece(Parse *p, const void *bytes, int64_t n, const lathe_error *e) {
    if (n < 0) {
        wire_put_number(&p->wire, JAIL_DAMAGED);
        put_error(p, e->text);
        return false;
    }
    return wire_put_number(&p->wire, n) && wire_put(&p->wire, bytes, (size_t)n);
}

bool serve_read_member(Parse *p) {
    static unsigned char piece[JAIL_PIECE];
    lathe_error e;
    uint64_t size;
    int64_t n;
    const char *name = wire_get_text(&p->wire, WIRE_MOST_TEXT, p->arena);
    if (!name) return false;
    if (!open_archive(p, &e) || !lathe_zip_begin(p->zip, name, &size, &e))
        return put_error(p, e.text);
    bool ok = put_data(p) && wire_put_number(&p->wire, (int64_t)size);
    do {
        n = ok ? lathe_zip_next(p->zip, piece, sizeof piece, &e) : 0;
        ok = ok && put_piece(p, piece, n, &e);
    } while (ok && n > 0);
    return ok;
}

bool serve_gunzip(Parse *p) {
    static unsigned char piece[JAIL_PIECE];
    lathe_gunzip g;
    lathe_error e;
    int64_t n;
    if (!lathe_gunzip_open(&g, JAIL_FILE, &e)) return put_error(p, e.text);
    bool ok = put_data(p);
    do {
        n = ok ? lathe_gunzip_next(&g, piece, sizeof piece, &e) : 0;
        ok = ok && put_piece(p, piece, n, &e);
    } while (ok && n > 0);
    return false; /* the file is closed with it */
}
