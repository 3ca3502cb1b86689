/* Writing of safetensors files: header as text, padded so that the data is 8-byte aligned, then the
 * tensors in the order given. Requires a little-endian machine. */
#include "files.h"
#include "safetensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_string(FILE *f, const char *s) {
    fputc('"', f);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c < 32)
            fprintf(f, "\\u%04x", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

static void put_metadata(FILE *f, const lathe_tensor_source *s) {
    fputs("\"__metadata__\":{", f);
    for (int i = 0; i < s->metas; i++) {
        if (i) fputc(',', f);
        put_string(f, s->meta[i].key);
        fputc(':', f);
        put_string(f, s->meta[i].value);
    }
    fputc('}', f);
}

/* Not rewind, which forgets that writing failed before. */
static void seek(lathe_output *o, long at, int from) {
    if (fseek(o->file, at, from) != 0 && !o->failed) o->failed = errno ? errno : EIO;
}

/* Writes the JSON behind the 8 bytes of its length; returns that length. */
static long put_header(FILE *f, const lathe_tensor_source *s) {
    unsigned long long at = 0;
    fputc('{', f);
    if (s->metas) put_metadata(f, s);
    for (int i = 0; i < s->tensors; i++) {
        const lathe_named_tensor *t = &s->tensor[i];
        if (i || s->metas) fputc(',', f);
        put_string(f, t->name);
        fputs(":{\"dtype\":\"F32\",\"shape\":[", f);
        for (int d = 0; d < t->rank; d++) fprintf(f, "%s%lld", d ? "," : "", (long long)t->dim[d]);
        unsigned long long end = at + (unsigned long long)t->count * sizeof(float);
        fprintf(f, "],\"data_offsets\":[%llu,%llu]}", at, end);
        at = end;
    }
    fputc('}', f);
    while (ftell(f) > 0 && ftell(f) % 8 != 0) fputc(' ', f);
    return ftell(f) - 8;
}

static bool put_tensors(lathe_output *o, const lathe_tensor_source *s, lathe_error *e) {
    int64_t most = 1;
    for (int i = 0; i < s->tensors; i++)
        if (s->tensor[i].count > most) most = s->tensor[i].count;
    float *values = malloc((size_t)most * sizeof *values);
    if (!values)
        return lathe_fail(e, "cannot write %s: out of memory for %lld values", o->path,
                          (long long)most);
    for (int i = 0; i < s->tensors; i++) {
        s->fill(s->context, i, values);
        lathe_output_write(o, values, (size_t)s->tensor[i].count * sizeof *values);
    }
    free(values);
    return true;
}

bool lathe_safetensors_write(const char *path, const lathe_tensor_source *s, lathe_error *e) {
    return lathe_safetensors_replace(path, NULL, s, e);
}

bool lathe_safetensors_replace(const char *path, const char *previous, const lathe_tensor_source *s,
                               lathe_error *e) {
    lathe_output o;
    if (!lathe_output_open(&o, path, e)) return false;
    o.previous = previous;
    seek(&o, 8, SEEK_SET);
    long length = put_header(o.file, s);
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)((unsigned long long)length >> 8 * i);
    seek(&o, 0, SEEK_SET);
    lathe_output_write(&o, prefix, sizeof prefix);
    seek(&o, 0, SEEK_END);
    if (!put_tensors(&o, s, e)) {
        lathe_output_discard(&o);
        return false;
    }
    return lathe_output_commit(&o, e);
}
