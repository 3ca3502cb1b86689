/* Einsum: operands are laid out along all labels, multiplied, and summed over those that the result
 * lacks. Labels are letters; the axes of an ellipsis have the labels '0', '1', ..., counted from
 * the last. */
#include "compose.h"

#include <ctype.h>
#include <string.h>

enum { MAX_JOINT = 1 << 24 };

typedef struct {
    char label[MAX_RANK + 1];
    int rank;
    int64_t dim[MAX_RANK];
} Labels;

/* The labels of one term for a tensor of this rank; -1: as many as its ellipsis says. */
static bool read_term(Op *o, const char *text, size_t n, int rank, int dots, Labels *l) {
    int named = 0;
    *l = (Labels){.rank = 0};
    for (size_t k = 0; k < n; k++) named += isalpha((unsigned char)text[k]) != 0;
    if (rank >= 0) dots = rank - named;
    for (size_t k = 0; k < n; k++) {
        bool ellipsis = n - k >= 3 && strncmp(text + k, "...", 3) == 0;
        int more = ellipsis ? dots : isalpha((unsigned char)text[k]) ? 1 : 0;
        if (!more && text[k] != ' ' && !ellipsis)
            return refuse(o, "its equation is not understood");
        if (more < 0 || l->rank + more > MAX_RANK - 1)
            return refuse(o, "its equation does not fit its inputs");
        for (int i = 0; i < more; i++)
            l->label[l->rank++] = (char)(ellipsis ? '0' + more - 1 - i : text[k]);
        if (ellipsis) k += 2;
    }
    return rank < 0 || l->rank == rank || refuse(o, "its equation does not fit its inputs");
}

static int find_label(const Labels *l, char c) {
    for (int i = 0; i < l->rank; i++)
        if (l->label[i] == c) return i;
    return -1;
}

/* The elements of x at which axes `a` and `b` have the same index, without axis b. */
static Tensor *diagonal(Op *o, Tensor *x, int a, int b) {
    int64_t n = x->dim[a], dim[MAX_RANK], axis = b, *v;
    if (!can_compute(o, 2, (int64_t[]){n, n})) return NULL;
    OnnxTensor *c = constant_new(o->im, ONNX_BOOL, 2, (int64_t[]){n, n}, NULL, &v);
    for (int64_t i = 0; i < n; i++) v[i * n + i] = 1;
    for (int i = 0; i < x->rank; i++) dim[i] = i == a || i == b ? n : 1;
    Tensor *eye = compose_reshape(o, tensor_constant(o->im, "eye", c), x->rank, dim);
    Tensor *in[] = {eye, x, compose_number(o, 0)};
    x = compose(o, "Where", 3, in, 0, NULL);
    OnnxAttr attrs[] = {{.name = "keepdims", .kind = ONNX_ATTR_INT, .i = 0},
                        {.name = "axes", .kind = ONNX_ATTR_INTS, .n = 1, .ints = &axis}};
    return compose(o, "ReduceSum", 1, &x, 2, attrs);
}

/* x with each label once. */
static Tensor *without_repeats(Op *o, Tensor *x, Labels *l) {
    for (int b = 1; b < l->rank && x; b++) {
        int a = find_label(l, l->label[b]);
        if (a == b) continue;
        if (x->dim[a] != x->dim[b] || x->dim[a] > 4096) {
            refuse(o, "label '%c' has different sizes", l->label[b]);
            return NULL;
        }
        x = diagonal(o, x, a, b);
        memmove(l->label + b, l->label + b + 1, (size_t)(l->rank - b));
        l->rank--;
        b--;
    }
    return x;
}

/* x along all labels, with size 1 where it has none. */
static Tensor *spread_out(Op *o, Tensor *x, const Labels *l, const Labels *all) {
    int64_t perm[MAX_RANK], dim[MAX_RANK];
    int n = 0;
    for (int i = 0; i < all->rank; i++) {
        int k = find_label(l, all->label[i]);
        dim[i] = k >= 0 ? x->dim[k] : 1;
        if (k >= 0) perm[n++] = k;
    }
    return compose_reshape(o, compose_transpose(o, x, perm), all->rank, dim);
}

/* Takes the labels of l, of a tensor with these dims, into `all`. */
static bool add_labels(Op *o, const Labels *l, const int64_t *dim, Labels *all) {
    for (int i = 0; i < l->rank; i++) {
        int k = find_label(all, l->label[i]);
        if (k < 0 && all->rank == MAX_RANK - 1) return refuse(o, "it has too many labels");
        if (k < 0) {
            all->label[k = all->rank++] = l->label[i];
            all->dim[k] = dim[i];
        }
        if (all->dim[k] != dim[i] && all->dim[k] != 1 && dim[i] != 1)
            return refuse(o, "label '%c' has different sizes", l->label[i]);
        if (all->dim[k] == 1) all->dim[k] = dim[i];
    }
    return true;
}

/* Without "->": the ellipsis, then the labels that stand once, by letter. */
static void implied_result(const char *text, char *out) {
    int n = 0;
    if (strstr(text, "...")) n += sprintf(out, "...");
    for (int c = 1; c < 128; c++) {
        const char *first = isalpha(c) ? strchr(text, c) : NULL;
        if (first && !strchr(first + 1, c)) out[n++] = (char)c;
    }
    out[n] = '\0';
}

/* Sums t, which has the labels `all`, over those that the result lacks, and puts the rest in its
 * order. */
static bool set_summed(Op *o, Tensor *t, const Labels *all, const Labels *result) {
    int64_t gone[MAX_RANK], perm[MAX_RANK], number[MAX_RANK];
    int n = 0, kept = 0;
    for (int i = 0; i < all->rank; i++) {
        number[i] = kept;
        if (find_label(result, all->label[i]) >= 0)
            kept++;
        else
            gone[n++] = i;
    }
    OnnxAttr attrs[] = {{.name = "keepdims", .kind = ONNX_ATTR_INT, .i = 0},
                        {.name = "axes", .kind = ONNX_ATTR_INTS, .n = n, .ints = gone}};
    if (n) t = compose(o, "ReduceSum", 1, &t, 2, attrs);
    for (int i = 0; i < result->rank; i++) {
        int k = find_label(all, result->label[i]);
        if (k < 0 || find_label(result, result->label[i]) != i)
            return refuse(o, "its result has the label '%c'", result->label[i]);
        perm[i] = number[k];
    }
    return t && set_composed(o, 0, compose_transpose(o, t, perm), o->in[0]->type);
}

bool rule_einsum(Op *o) {
    const char *equation = attr_text(o, "equation", ""), *arrow = strstr(equation, "->");
    const char *text = equation, *end = arrow ? arrow : equation + strlen(equation);
    char implied[160];
    Labels all = {.rank = 0}, result;
    int dots = 0;
    Tensor *product = NULL;
    Labels *l = ARENA_ARRAY(o->im->arena, Labels, (size_t)o->nin);
    Tensor **x = ARENA_ARRAY(o->im->arena, Tensor *, (size_t)o->nin);
    if (!o->im->is_static) return mixes_batch(o, "its labels are joined with dimension 0");
    for (int i = 0; i < o->nin; i++, text++) {
        if (text > end || !o->in[i]) return refuse(o, "its equation does not fit its inputs");
        size_t n = strcspn(text, ",");
        if (n > (size_t)(end - text)) n = (size_t)(end - text);
        if (!read_term(o, text, n, o->in[i]->rank, 0, &l[i])) return false;
        for (int k = 0; k < l[i].rank; k++)
            if (isdigit((unsigned char)l[i].label[k]) && l[i].label[k] - '0' >= dots)
                dots = l[i].label[k] - '0' + 1;
        x[i] = without_repeats(o, o->in[i], &l[i]);
        if (!x[i] || !add_labels(o, &l[i], x[i]->dim, &all)) return false;
        text += n;
    }
    if (text <= end) return refuse(o, "its equation does not fit its inputs");
    if (count_dims(all.rank, all.dim) > MAX_JOINT)
        return refuse(o, "its products are more than %d; use MatMul and Transpose", MAX_JOINT);
    if (!arrow) implied_result(equation, implied);
    const char *to = arrow ? arrow + 2 : implied;
    if (!read_term(o, to, strlen(to), -1, dots, &result)) return false;
    for (int i = 0; i < o->nin; i++) {
        Tensor *wide = spread_out(o, x[i], &l[i], &all);
        product = i ? compose2(o, "Mul", product, wide) : wide;
    }
    return product && set_summed(o, product, &all, &result);
}
