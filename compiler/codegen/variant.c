#include "variant.h"

#include "algorithm.h"
#include "emit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARED_FLOATS = 4 << 20, /* transformed maps of a sample that cores may share in a cache */
    NEAR_WEIGHTS = 1 << 19,  /* bytes */
    CHAIN_FLOATS = 1 << 18   /* at least, of the image that a chain's depthwise convolution reads */
};

typedef enum { DIRECT, STEPS, BLOCKS, PIXELS } Form;

/* winograd, kernel: m and r of F(m x m, r x r) or F(m x 1, r x 1); 0: not Winograd. */
static const struct {
    const char *name;
    int winograd, kernel;
    Form form;
} variants[VARIANT_COUNT] = {
    [VARIANT_CHANNELS] = {"direct/channels", 0, 0, DIRECT},
    [VARIANT_BANDS] = {"direct/bands", 0, 0, DIRECT},
    [VARIANT_PIXELS] = {"direct/pixels", 0, 0, PIXELS},
    [VARIANT_F2_STEPS] = {"winograd2/steps", 2, 3, STEPS},
    [VARIANT_F2_BLOCKS] = {"winograd2/blocks", 2, 3, BLOCKS},
    [VARIANT_F4_STEPS] = {"winograd4/steps", 4, 3, STEPS},
    [VARIANT_F4_BLOCKS] = {"winograd4/blocks", 4, 3, BLOCKS},
    [VARIANT_F4_5X1_STEPS] = {"winograd4_5x1/steps", 4, 5, STEPS},
    [VARIANT_F4_5X1_BLOCKS] = {"winograd4_5x1/blocks", 4, 5, BLOCKS},
    [VARIANT_F4_5X1_PIXELS] = {"winograd4_5x1/pixels", 4, 5, PIXELS},
    [VARIANT_CHAIN] = {"chain", 0, 0, DIRECT},
    [VARIANT_ALONE] = {"alone", 0, 0, DIRECT},
};

const char *variant_name(Variant v) { return variants[v].name; }

const char *variant_names(Arena *a, unsigned set) {
    const char *text = "";
    for (int v = 0; v < VARIANT_COUNT; v++)
        if (set >> v & 1)
            text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", variants[v].name);
    return text;
}

Variant variant_find(const char *name) {
    int v = 0;
    while (v < VARIANT_COUNT && strcmp(variants[v].name, name) != 0) v++;
    return (Variant)v;
}

int variant_winograd(Variant v) { return variants[v].winograd; }

bool variant_blocks(Variant v) { return variants[v].form == BLOCKS; }

/* ---- from outside: tuned or drawn ----------------------------------------------------------- */

/* VARIANT_COUNT where the tuning file does not know the layer. */
static Variant tuned(const CodegenOptions *o, const Node *n, unsigned legal) {
    for (int i = 0; o->tuning && i < o->tuning->count; i++) {
        const TunedLayer *t = &o->tuning->layer[i];
        if (!strcmp(t->name, n->name) && (legal >> t->variant & 1)) return (Variant)t->variant;
    }
    return VARIANT_COUNT;
}

/* One of the set for this node: as many successive seeds give all of them. */
static Variant drawn(const CodegenOptions *o, const Node *n, unsigned legal) {
    uint64_t hash = fnv1a(FNV_START, n->name, strlen(n->name));
    uint64_t count = (uint64_t)__builtin_popcount(legal);
    uint64_t skip = ((hash >> 32) + o->kernel_seed % count) % count;
    for (int v = 0; v < VARIANT_COUNT; v++)
        if ((legal >> v & 1) && !skip--) return (Variant)v;
    PANIC("no legal variant");
}

static Variant from_outside(const CodegenOptions *o, const Node *n, unsigned legal) {
    Variant v = tuned(o, n, legal);
    return v == VARIANT_COUNT && o->any_kernels ? drawn(o, n, legal) : v;
}

/* ---- convolutions --------------------------------------------------------------------------- */

/* A dense layer then. */
static bool meets_whole_image(const Node *n) {
    const Shape *x = &n->in[0]->type.shape, *w = &n->in[1]->type.shape;
    return x->dim[1] <= w->dim[0] && x->dim[2] <= w->dim[1];
}

static int64_t kernel_side(const Node *n) { return n->in[1]->type.shape.dim[0]; }

static Variant winograd_variant(const Node *n, int m, Form form) {
    for (int v = 0; v < VARIANT_COUNT; v++)
        if (variants[v].winograd == m && variants[v].kernel == kernel_side(n) &&
            variants[v].form == form)
            return (Variant)v;
    PANIC("no variant with tiles of %d rows for this kernel", m);
}

static bool is_legal_winograd(const CodegenOptions *o, const Node *n, Variant v) {
    int m = variants[v].winograd;
    if (!m || variants[v].kernel != kernel_side(n)) return false;
    return variants[v].form == PIXELS ? can_be_pixels(o, n, m) : can_be_winograd(o, n, m);
}

unsigned conv_variants(const CodegenOptions *o, const Node *n) {
    if (n->op != OP_CONV2D || meets_whole_image(n)) return 0;
    bool grouped = n->attr.groups > 1;
    unsigned direct = 1u << VARIANT_CHANNELS | (grouped ? 0 : 1u << VARIANT_BANDS), set = direct;
    if (has_pixel_vectors(n)) set |= 1u << VARIANT_PIXELS;
    for (int v = 0; v < VARIANT_COUNT; v++)
        if (is_legal_winograd(o, n, (Variant)v)) set |= 1u << v;
    return grouped && set == direct ? 0 : set;
}

/* Bands where there are more pixels than weights, and than stay near while the channels pass; none
 * of convolutions in groups. */
static bool prefers_bands(const Node *n) {
    const Shape *x = &n->in[0]->type.shape;
    const int32_t *pad = n->attr.pad;
    int64_t weights = 4 * shape_count(&n->in[1]->type.shape);
    int64_t input =
        4 * (x->dim[1] + pad[0] + pad[1]) * (x->dim[2] + pad[2] + pad[3]) * pitch_of(x->dim[3]);
    return n->attr.groups <= 1 && input > BAND_BYTES && weights < input && weights < NEAR_WEIGHTS;
}

static Variant cheapest(const CodegenOptions *o, const Node *n) {
    if (is_legal_winograd(o, n, VARIANT_F4_5X1_PIXELS)) return VARIANT_F4_5X1_PIXELS;
    int m = cheapest_winograd(o, n);
    if (!m && has_pixel_vectors(n)) return VARIANT_PIXELS;
    if (!m) return prefers_bands(n) ? VARIANT_BANDS : VARIANT_CHANNELS;
    bool blocks = is_tiny_winograd(n, m) || winograd_floats(n, m) > SHARED_FLOATS;
    return winograd_variant(n, m, blocks ? BLOCKS : STEPS);
}

Variant choose_conv(const CodegenOptions *o, const Node *n) {
    unsigned legal = conv_variants(o, n);
    if (!legal) return VARIANT_CHANNELS;
    Variant v = from_outside(o, n, legal);
    return v == VARIANT_COUNT ? cheapest(o, n) : v;
}

/* ---- chains --------------------------------------------------------------------------------- */

/* A chain pays where the image that the depthwise convolution reads leaves a second cache. */
bool choose_chain(const CodegenOptions *o, const Node *n) {
    const Shape *x = &n->in[0]->type.shape;
    Variant v = from_outside(o, n, 1u << VARIANT_CHAIN | 1u << VARIANT_ALONE);
    if (v != VARIANT_COUNT) return v == VARIANT_CHAIN;
    return x->dim[1] * x->dim[2] * pitch_of(x->dim[3]) >= CHAIN_FLOATS;
}

/* ---- the option ----------------------------------------------------------------------------- */

bool parse_kernels(const char *text, CodegenOptions *o, Diag *d) {
    const char *start = "random:";
    char *end = NULL;
    errno = 0;
    o->any_kernels = true;
    if (!strncmp(text, start, strlen(start)) && text[strlen(start)] >= '0' &&
        text[strlen(start)] <= '9') {
        o->kernel_seed = strtoull(text + strlen(start), &end, 10);
        if (!*end && !errno) return true;
    }
    diag_error(d, "unknown choice of kernels '%s'; accepted: random:SEED, with a whole number",
               text);
    return false;
}
