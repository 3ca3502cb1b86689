/* Shapes and element types: comparison, counting, names. */
#include "module.h"

#include <inttypes.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[DT_COUNT] = {
    [DT_F32] = {"f32", 4}, [DT_F16] = {"f16", 2}, [DT_BF16] = {"bf16", 2}, [DT_U8] = {"u8", 1},
    [DT_I8] = {"i8", 1},   [DT_I32] = {"i32", 4}, [DT_I64] = {"i64", 8},   [DT_BOOL] = {"bool", 1},
};

size_t dtype_size(DType t) { return dtypes[t].size; }

const char *dtype_name(DType t) { return dtypes[t].name; }

bool shape_equal(const Shape *a, const Shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

const Shape *param_shape(const Param *p) { return p->stored.rank ? &p->stored : &p->type.shape; }

bool shape_total(const Shape *s, int64_t n, int64_t *total) {
    const int64_t most = INT64_C(1) << 40;
    int64_t product = 1;
    for (int i = 0; i < s->rank; i++) {
        int64_t d = s->dim[i] == DIM_BATCH ? n : s->dim[i];
        if (__builtin_mul_overflow(product, d, &product) || product > most) return false;
    }
    *total = product;
    return true;
}

int64_t shape_count(const Shape *s) {
    int64_t total = 0;
    CHECK(shape_total(s, 1, &total));
    return total;
}

const char *shape_text(Arena *a, const Shape *s) {
    StrBuf b = {0};
    strbuf_puts(&b, "(");
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] == DIM_BATCH)
            strbuf_puts(&b, "None");
        else
            strbuf_printf(&b, "%" PRId64, s->dim[i]);
        if (i + 1 < s->rank)
            strbuf_puts(&b, ", ");
        else if (s->rank == 1)
            strbuf_puts(&b, ",");
    }
    strbuf_puts(&b, ")");
    const char *text = arena_strdup(a, b.text);
    strbuf_free(&b);
    return text;
}
