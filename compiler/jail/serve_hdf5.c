/* HDF5 files. The answer to JAIL_HDF5: number of records, of each its name, rank and dimensions;
 * number of groups, their names; number of attributes of texts, of each the group, its name and its
 * texts. */
#include "hdf5_reader.h"
#include "parse.h"

#include <stdlib.h>

static bool put_diag(Parse *p, const Diag *d) {
    return put_error(p, d->count ? d->messages[0].text : "the file is damaged");
}

static bool put_contents(Parse *p, const Hdf5Reader *r) {
    const Wire *w = &p->wire;
    bool ok = put_data(p) && wire_put_number(w, r->nrecords);
    for (int i = 0; ok && i < r->nrecords; i++) {
        const Hdf5Record *x = &r->records[i];
        ok = wire_put_text(w, x->name) && wire_put_number(w, x->rank) &&
             wire_put(w, x->dim, sizeof x->dim);
    }
    ok = ok && wire_put_number(w, r->ngroups);
    for (int i = 0; ok && i < r->ngroups; i++) ok = wire_put_text(w, r->groups[i]);
    ok = ok && wire_put_number(w, r->ntexts);
    for (int i = 0; ok && i < r->ntexts; i++) {
        const Hdf5Texts *x = &r->texts[i];
        ok = wire_put_text(w, x->group) && wire_put_text(w, x->name) &&
             wire_put_number(w, x->ntexts);
        for (int k = 0; ok && k < x->ntexts; k++) ok = wire_put_text(w, x->texts[k]);
    }
    return ok;
}

/* The bytes of the file or of a member. */
static bool find_image(Parse *p, const char *member, void **image, size_t *size, lathe_error *e) {
    *image = p->file;
    *size = (size_t)p->hello.file;
    if (!*member) return true;
    if (!open_archive(p, e) || !lathe_zip_read(p->zip, member, &p->member, size, e)) return false;
    *image = p->member;
    return true;
}

bool serve_hdf5(Parse *p) {
    void *image;
    size_t size;
    lathe_error e;
    Diag d;
    const char *member = wire_get_text(&p->wire, WIRE_MOST_TEXT, p->arena);
    if (!member || p->hdf5) return false;
    if (!find_image(p, member, &image, &size, &e)) return put_error(p, e.text);
    diag_init(&d, p->arena, NULL, NULL);
    p->hdf5 = reader_open(p->arena, image, size, &d);
    return p->hdf5 ? put_contents(p, p->hdf5) : put_diag(p, &d);
}

bool serve_record(Parse *p) {
    int64_t index, number;
    if (!p->hdf5 || !wire_get_number(&p->wire, p->hdf5->nrecords - 1, &index) ||
        !wire_get_number(&p->wire, 1, &number))
        return false;
    const Hdf5Record *x = &p->hdf5->records[index];
    size_t bytes = number ? sizeof(double) : sizeof(float);
    Diag d;
    diag_init(&d, p->arena, NULL, NULL);
    for (int i = 0; i < x->rank; i++) {
        if (__builtin_mul_overflow(bytes, (size_t)x->dim[i], &bytes)) return false;
    }
    void *data = malloc(bytes ? bytes : 1);
    if (!data) diag_error(&d, "'%s': out of memory", x->name);
    bool read = data && (number ? reader_number(p->hdf5, x, data, &d)
                                : reader_floats(p->hdf5, x, data, &d));
    bool ok = read ? put_data(p) && wire_put(&p->wire, data, bytes) : put_diag(p, &d);
    free(data);
    return ok;
}
