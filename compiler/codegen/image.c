/* The weights image: a header of 64 bytes, then packed tensors, each 64-byte aligned. */
#include "emit.h"

#include <stdlib.h>
#include <string.h>

uint64_t fnv1a(uint64_t hash, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) hash = (hash ^ p[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static void put(unsigned char *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static void pack_floats(const float *data, const ParamLayout *l, float *to) {
    for (int64_t r = 0; r < l->rows; r++)
        for (int64_t c = 0; c < l->columns; c++)
            to[packed_index(l, r, c)] = data[r * l->columns + c];
}

static void pack_halves(const float *data, const ParamLayout *l, WeightsType type, uint16_t *to) {
    for (int64_t r = 0; r < l->rows; r++)
        for (int64_t c = 0; c < l->columns; c++)
            to[packed_index(l, r, c)] = half_bits(data[r * l->columns + c], type);
}

static void pack_tensor(const File *f, int index, unsigned char *payload) {
    const ParamLayout *l = &f->params->param[index];
    const float *data = f->m->params[index].data;
    void *to = payload + (size_t)l->at * sizeof(float);
    CHECK(data);
    if (l->half)
        pack_halves(data, l, f->o->weights_type, to);
    else if (l->winograd)
        pack_winograd(data, l, to);
    else
        pack_floats(data, l, to);
}

/* Header: magic, version (major in the low 16 bits, minor in the high ones), type of the kernels (a
 * WeightsType), model hash, layout hash, payload bytes, FNV-1a of the payload. All little-endian,
 * as every target is. */
unsigned char *write_image(const File *f, size_t *bytes) {
    static const char magic[8] = "LATHEWT1";
    size_t payload = (size_t)f->params->floats * sizeof(float);
    size_t total = (IMAGE_HEADER_BYTES + payload + 63) / 64 * 64;
    unsigned char *image = aligned_alloc(64, total);
    if (!image) PANIC("out of memory for a weights image of %zu bytes", total);
    memset(image, 0, total);
    for (int i = 0; i < f->m->nparams; i++)
        if (f->params->param[i].at >= 0) pack_tensor(f, i, image + IMAGE_HEADER_BYTES);
    memcpy(image, magic, sizeof magic);
    put(image + 8, 1, 4);
    put(image + 12, (uint64_t)f->o->weights_type, 4);
    put(image + 16, f->model_hash, 8);
    put(image + 24, f->layout_hash, 8);
    put(image + 32, payload, 8);
    put(image + 40, fnv1a(FNV_START, image + IMAGE_HEADER_BYTES, payload), 8);
    *bytes = IMAGE_HEADER_BYTES + payload;
    return image;
}
