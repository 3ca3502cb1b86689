#include "met.h"

#include "../../compiler/codegen/algorithm.h"
#include "../../compiler/codegen/lower.h"

const char *const epilogues[EPILOGUES] = {"plain", "bias", "activation", "addend", "pooling"};
const char *const tails[TAILS] = {"whole", "rows", "columns", "both"};

/* ---- kernels of convolutions ----------------------------------------------------------------- */

static int epilogue_of(const Node *n) {
    if (n->attr.pool[0] > 0) return POOLING;
    if (n->attr.addend) return ADDEND;
    return n->attr.act ? ACTIVATION : n->nin > 2 ? BIAS : PLAIN;
}

/* Tiles of the direct kernel do not end past the map: all its maps count as whole. */
static ConvCell tiled_cell(const CodegenOptions *o, const Node *n) {
    Variant v = choose_conv(o, n);
    int m = variant_winograd(v);
    bool vertical = has_vertical_tiles(n->in[1]->type.shape.dim[0]);
    bool rows = m && conv_rows(n) % m != 0;
    bool columns = m && !vertical && conv_columns(n) % m != 0;
    return (ConvCell){v, epilogue_of(n),
                      rows && columns ? BOTH
                      : rows          ? ROWS
                      : columns       ? COLUMNS
                                      : WHOLE};
}

bool conv_cell(const CodegenOptions *o, const Function *f, int i, ConvCell *cell) {
    const Node *n = f->nodes[i];
    int first, last;
    if (n->op != OP_CONV2D) return false;
    if (find_chain(f, i, &first, &last)) {
        *cell =
            (ConvCell){choose_chain(o, n) ? VARIANT_CHAIN : VARIANT_ALONE, epilogue_of(n), WHOLE};
        return true;
    }
    int64_t side = n->in[1]->type.shape.dim[0];
    if ((side != 3 && side != 5) || !conv_variants(o, n)) return false;
    *cell = tiled_cell(o, n);
    return true;
}

/* Pooling by 2 leaves no odd maps to tiles of 2; vertical tiles end in rows only; the depthwise
 * convolution of a chain has an activation; vectors of pixels have whole tiles and add nothing. */
bool conv_cell_exists(ConvCell c) {
    bool whole = c.tail == WHOLE;
    switch (c.variant) {
    case VARIANT_CHAIN:
    case VARIANT_ALONE: return whole && c.epilogue == ACTIVATION;
    case VARIANT_PIXELS:
    case VARIANT_F4_5X1_PIXELS: return whole && c.epilogue != ADDEND;
    case VARIANT_F4_5X1_STEPS:
    case VARIANT_F4_5X1_BLOCKS: return whole || c.tail == ROWS;
    case VARIANT_F2_STEPS:
    case VARIANT_F2_BLOCKS: return whole || c.epilogue != POOLING;
    default: return whole || variant_winograd((Variant)c.variant);
    }
}

/* ---- operations and attributes ----------------------------------------------------------------
 */

/* Numbers by class: 0, 1, n for other equal ones, "uneven". */
static const char *int_class(const int32_t *field, int count) {
    bool equal = true, negative = false;
    for (int i = 0; i < count; i++) {
        equal = equal && field[i] == field[0];
        negative = negative || field[i] < 0;
    }
    if (negative) return "negative";
    if (!equal) return "uneven";
    return field[0] == 0 ? "0" : field[0] == 1 ? "1" : "n";
}

static const char *attr_class(const Node *n, int index) {
    const AttrInfo *a = &attr_info[index];
    const int32_t *field = (const int32_t *)(const void *)((const char *)&n->attr + a->offset);
    int count = a->kind == ATTR_LIST ? n->in[0]->type.shape.rank - 1 : a->count;
    if (attr_names(a->kind)) return attr_names(a->kind)[*field];
    if (a->kind == ATTR_INT || a->kind == ATTR_LIST) return int_class(field, count);
    return attr_is_zero(&n->attr, index) ? "0" : "set";
}

static void print_node(const Node *n, StrBuf *out) {
    const char *op = op_info[n->op].text;
    strbuf_printf(out, "op %s\n", op);
    for (int i = 0; i < ATTR_COUNT; i++)
        if (op_has(n->op, i))
            strbuf_printf(out, "op %s %s=%s\n", op, attr_info[i].text, attr_class(n, i));
}

void print_cells(const CodegenOptions *o, const Function *f, StrBuf *out) {
    for (int i = 0; i < f->nnodes; i++) {
        ConvCell c;
        print_node(f->nodes[i], out);
        if (!o->train && conv_cell(o, f, i, &c))
            strbuf_printf(out, "kernel %s %s %s\n", variant_name((Variant)c.variant),
                          epilogues[c.epilogue], tails[c.tail]);
    }
}
