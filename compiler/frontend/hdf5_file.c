/* HDF5 files, as lathe-parse tells them: first what the file has, then the data of each record that
 * is asked for. */
#include "hdf5_file.h"

#include "../support/namemap.h"

#include <string.h>

struct Hdf5File {
    Arena *arena;
    Jail *jail, *owned;
    Hdf5Record *records;
    Hdf5Texts *texts;
    int nrecords, ntexts;
    NameMap by_name, groups;
};

bool hdf5_is_image(const void *bytes, size_t size) {
    return size >= 8 && memcmp(bytes, "\211HDF\r\n\032\n", 8) == 0;
}

/* ---- opening ---- */

static bool get_count(Hdf5File *f, int most, int *n) {
    int64_t v = 0;
    bool ok = wire_get_number(&f->jail->wire, most, &v);
    *n = ok ? (int)v : 0;
    return ok;
}

static const char *get_text(Hdf5File *f) {
    return wire_get_text(&f->jail->wire, WIRE_MOST_TEXT, f->arena);
}

static bool get_record(Hdf5File *f, Hdf5Record *r) {
    r->name = get_text(f);
    if (!r->name || !get_count(f, MAX_RANK, &r->rank) ||
        !wire_get(&f->jail->wire, r->dim, sizeof r->dim))
        return false;
    for (int i = 0; i < r->rank; i++) {
        if (r->dim[i] < 0) return false;
    }
    return true;
}

static bool get_texts(Hdf5File *f, Hdf5Texts *t) {
    t->group = get_text(f);
    t->name = t->group ? get_text(f) : NULL;
    if (!t->name || !get_count(f, JAIL_MOST_ITEMS, &t->ntexts)) return false;
    t->texts = ARENA_ARRAY(f->arena, const char *, (size_t)t->ntexts);
    for (int i = 0; i < t->ntexts; i++) {
        if (!(t->texts[i] = get_text(f))) return false;
    }
    return true;
}

static bool get_contents(Hdf5File *f) {
    int n;
    if (!get_count(f, JAIL_MOST_ITEMS, &f->nrecords)) return false;
    f->records = ARENA_ARRAY(f->arena, Hdf5Record, (size_t)f->nrecords);
    for (int i = 0; i < f->nrecords; i++) {
        if (!get_record(f, &f->records[i])) return false;
        namemap_set(f->arena, &f->by_name, f->records[i].name, &f->records[i]);
    }
    if (!get_count(f, JAIL_MOST_ITEMS, &n)) return false;
    for (int i = 0; i < n; i++) {
        const char *name = get_text(f);
        if (!name) return false;
        namemap_set(f->arena, &f->groups, name, (void *)name);
    }
    if (!get_count(f, JAIL_MOST_ITEMS, &f->ntexts)) return false;
    f->texts = ARENA_ARRAY(f->arena, Hdf5Texts, (size_t)f->ntexts);
    for (int i = 0; i < f->ntexts; i++) {
        if (!get_texts(f, &f->texts[i])) return false;
    }
    return true;
}

Hdf5File *hdf5_open_in(Arena *a, Jail *j, const char *member, Diag *d) {
    lathe_error e;
    Hdf5File *f = ARENA_NEW(a, Hdf5File);
    f->arena = a;
    f->jail = j;
    /* what a member unpacks to takes its time, too */
    jail_ask(j, JAIL_HDF5, member ? member : "", "HDF5's library", member ? j->file_size : 0);
    if (jail_answer(j, &e) && (get_contents(f) || jail_damaged(j, &e))) return f;
    diag_error(d, "%s", e.text);
    return NULL;
}

Hdf5File *hdf5_open(Arena *a, const char *path, const char *member, Diag *d) {
    lathe_error e;
    Jail *j = jail_open(path, &e);
    if (!j) {
        diag_error(d, "%s", e.text);
        return NULL;
    }
    Hdf5File *f = hdf5_open_in(a, j, member, d);
    if (f)
        f->owned = j;
    else
        jail_close(j);
    return f;
}

void hdf5_close(Hdf5File *f) {
    if (f) jail_close(f->owned);
}

/* ---- what there is ---- */

const Hdf5Record *hdf5_find(const Hdf5File *f, const char *name) {
    return namemap_get(&f->by_name, name);
}

bool hdf5_has_group(const Hdf5File *f, const char *name) {
    return namemap_get(&f->groups, name) != NULL;
}

const Hdf5Texts *hdf5_texts(const Hdf5File *f, const char *group, const char *name) {
    for (int i = 0; i < f->ntexts; i++) {
        if (strcmp(f->texts[i].name, name) == 0 && strcmp(f->texts[i].group, group) == 0)
            return &f->texts[i];
    }
    return NULL;
}

int hdf5_records(const Hdf5File *f, const Hdf5Record **records) {
    *records = f->records;
    return f->nrecords;
}

/* ---- data ---- */

static bool request(Hdf5File *f, const Hdf5Record *r, bool number, void *out, size_t size,
                    Diag *d) {
    lathe_error e;
    Jail *j = f->jail;
    jail_ask(j, JAIL_RECORD, NULL, "HDF5's library", size);
    wire_put_number(&j->wire, r - f->records);
    wire_put_number(&j->wire, number);
    if (jail_answer(j, &e) && (wire_get(&j->wire, out, size) || jail_damaged(j, &e))) return true;
    diag_error(d, "%s", e.text);
    return false;
}

bool hdf5_read(Hdf5File *f, const Hdf5Record *r, float *out, Diag *d) {
    size_t bytes = sizeof *out;
    for (int i = 0; i < r->rank; i++) bytes *= (size_t)r->dim[i];
    return request(f, r, false, out, bytes, d);
}

bool hdf5_read_number(Hdf5File *f, const Hdf5Record *r, double *out, Diag *d) {
    for (int i = 0; i < r->rank; i++) {
        if (r->dim[i] == 1) continue;
        diag_error(d, "'%s' must be one number", r->name);
        return false;
    }
    return request(f, r, true, out, sizeof *out, d);
}
