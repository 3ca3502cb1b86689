/* What the lowering rules share. A rule turns one node into steps; it looks only at the node, at
 * layouts and at the machine's row, and leaves the text to the templates. */
#ifndef LATHE_CODEGEN_LOWER_H
#define LATHE_CODEGEN_LOWER_H

#include "plan.h"

#include "../ir/ops.h"

#include <string.h>

/* A buffer derived from a value, kept for later steps of the same function. */
typedef enum {
    DERIVED_ROWS, /* the same pixels at another pitch, which is pad[0] */
    DERIVED_PADDED,
    DERIVED_TRANSPOSED,
    DERIVED_NARROW,   /* a kernel for the input gradient of few channels */
    DERIVED_WIDENED,  /* a parameter of 16-bit numbers as floats */
    DERIVED_UNPACKED, /* a parameter in panels as rows */
    DERIVED_SUMS,     /* of a gradient over its pixels, a row a sample */
    DERIVED_WINDOWS,  /* a pooling's gradient by windows, */
    DERIVED_ROUTES,   /* and the pixel of each that it goes to */
    DERIVED_WINOGRAD,
    DERIVED_WINOGRAD_GRAD
} DerivedKind;

typedef struct {
    DerivedKind kind;
    const Value *value;
    int32_t pad[4];
    Place place;
} Derived;

typedef struct {
    Module *m;
    const Function *f;
    const ParamTable *params;
    const CodegenOptions *o;
    const Machine *machine;
    KernelSet *kernels;
    Plan *plan;
    Layout *layout; /* by value id */
    bool *defined;
    int *chain; /* by index of a node: nodes of the chain that begins there, -1 in its rest, else 0
                 */
    Home *home; /* by value id */
    Derived *derived;
    int nderived, derived_cap;
    const Node *node; /* being lowered */
    int at, count;    /* the nodes being lowered, a chain or one: index of the first, number */
} Lower;

/* ---- layouts and buffers (lower.c) ---------------------------------------------------------- */

/* Where v lies, in floats: a step widens a parameter of 16-bit numbers first. */
Layout layout_of(Lower *l, const Value *v);
/* Whether v is a parameter of 16-bit numbers, and where it is stored. */
bool is_half(const Lower *l, const Value *v);
Place stored_place(const Lower *l, const Value *v);
int64_t sample_floats(const Layout *y);
/* The floats of a parameter's gradient: behind them is a gap up to a whole cache line, which no
 * step writes. */
int64_t packed_floats(const Shape *s);
/* Of a first cache: floats after which lines share a set. */
enum { SET_FLOATS = 1024 };
/* Floats from a row of v to the next where nothing else decides. Pixels whose lines would share a
 * set, of which a register block reads a dozen at once, have a line between them in inference. */
int64_t own_pitch(const Lower *l, const Value *v);
/* Gives v a layout: its own buffer with the usual pitch, or the place that the function's interface
 * fixes (gradients of parameters, new values of parameters). */
Layout define(Lower *l, const Value *v);
Layout define_with_pitch(Lower *l, const Value *v, int64_t pitch);
void define_as(Lower *l, const Value *v, Layout y);
/* Samples that the node being lowered works on at a time. */
int samples_of(const Lower *l);
/* A buffer of `floats` floats, and one of so many for each sample. */
Place new_buffer(Lower *l, const char *name, int64_t floats);
Place new_samples(Lower *l, const char *name, int64_t floats);
/* v as rows of `pitch` floats; copied if it lies otherwise. */
Layout with_pitch(Lower *l, const Value *v, int64_t pitch);

/* The output that v may be written to directly, because nothing else uses it; -1 if there is none.
 */
int output_for(const Lower *l, const Value *v);

/* The derived buffer, or a place of kind PLACE_NONE where it is not made yet. */
Place find_derived(const Lower *l, DerivedKind kind, const Value *v, const int32_t *pad);
void keep_derived(Lower *l, DerivedKind kind, const Value *v, const int32_t *pad, Place place);

/* ---- homes (homes.c) ------------------------------------------------------------------------ */

void plan_homes(Lower *l);
/* Gives v the layout that was planned for it; false if none was. */
bool define_at_home(Lower *l, const Value *v);
bool lies_in(const Lower *l, const Value *part, const Value *whole);
/* x: v with zeros around it, where its buffer has them. */
bool window_into_halo(Lower *l, const Value *v, const int32_t pad[4], Layout *x);

/* ---- steps (lower.c) ------------------------------------------------------------------------ */

typedef struct {
    Place place;
    bool writes;
    const char *type; /* NULL: float */
} Arg;

static inline Arg in(Place p) { return (Arg){p, false, NULL}; }
static inline Arg out(Place p) { return (Arg){p, true, NULL}; }
static inline Arg in_as(Place p, const char *type) { return (Arg){p, false, type}; }
static inline Place no_place(void) { return (Place){.kind = PLACE_NONE}; }

/* Appends a step that runs the kernel with these arguments. */
void add_step(Lower *l, const char *name, const KernelType *type, const void *params,
              const char *stem, const char *comment, const Arg *args, int nargs);
#define STEP(l, name, type, params, stem, comment, ...)                                            \
    add_step((l), (name), (type), (params), (stem), (comment), (const Arg[]){__VA_ARGS__},         \
             (int)(sizeof((const Arg[]){__VA_ARGS__}) / sizeof(Arg)))

/* "conv2d_relu_f32x16" from "conv2d", an Activation and lanes; in the module's arena. */
const char *stem_of(Lower *l, const char *kernel, int act, int lanes);
const char *act_text(int act);

/* A function of vectors: its name behind that of the type, and the text of its arguments behind the
 * first: ", 0.2f". */
typedef struct {
    const char *name, *args;
} Function1;

Function1 function_of(Lower *l, const Attrs *a);
const char *args_text(Lower *l, const float *args, int count);

/* ---- register blocks (tiles.c) -------------------------------------------------------------- */

/* How output channels divide into groups of panels that one register block covers. */
typedef struct {
    int lanes, vectors, width; /* of a full group */
    int64_t groups;
    bool last; /* the last group is smaller: */
    int last_lanes, last_vectors;
    int64_t last_width;
    int panel;
    int rows, last_rows; /* most rows of a block */
} Groups;

Groups choose_groups(const Machine *m, int64_t floats, int panel);
/* For pixels `step` floats apart: fewer rows a block where their lines would drive each other out
 * of a cache. */
Groups choose_pixel_groups(const Machine *m, int64_t floats, int panel, int64_t step);
/* For blocks of a single row: more panels side by side. */
Groups choose_row_groups(const Machine *m, int64_t floats, int panel);

/* What a sweep over a feature map needs; xp, xq, yp, yq are floats between neighbouring pixels. */
typedef struct {
    int64_t P, Q, xp, xq, yp, yq;
    int64_t T1, T2, t1, t2, CI; /* taps, see gemm_tile */
    int64_t panel;              /* floats from one panel of weights to the next */
    int bias, load, act, ph, pw, mean;
    int64_t routes; /* floats from the maximum of a window to where its place goes; 0: nowhere */
    int half;       /* 1: the weights are 16-bit numbers */
    int ahead;      /* 1: the sweep takes the weights that will be needed next, and asks for them */
    Function1 function; /* of act */
} SweepShape;

/* The names of the sweeps for a full group and for the last one. */
const char *use_sweep(Lower *l, const SweepShape *s, const Groups *g, bool last);
const char *use_tile(Lower *l, const SweepShape *s, const Groups *g, bool last, int64_t rows,
                     int64_t qb);

/* ---- convolutions (lower_conv.c, lower_winograd.c) ------------------------------------------- */

/* A convolution's geometry over its padded input. */
typedef struct {
    int64_t XL, XS, YL, YS; /* floats a row of pixels and a sample, of both */
    int64_t H, W, C, XP;    /* padded input: rows, columns, channels a group, floats a pixel */
    int64_t P, Q, K, YP;    /* output */
    int64_t groups, Kg;     /* of channels, and outputs of one */
    int64_t R, S;
    int64_t sh, sw, dh, dw;
} Geometry;

/* Of n over its padded image; the kernel has R x S taps. */
Geometry conv_geometry(const Node *n, const Shape *x, const Shape *y, int64_t R, int64_t S);
void conv_strides(Geometry *g, const Layout *x, const Layout *y);
/* Multiply-adds of a sample. */
int64_t conv_macs(const Geometry *g);
const char *conv_comment(Lower *l, const char *what, const Geometry *g);
/* Parts that are enough to share. */
enum { CONV_PARTS = 16 };
/* The taps as the tile walks them. */
void conv_taps(SweepShape *s, const Geometry *g);

/* lower_pixels.c: whether vectors of pixels were chosen for n. */
bool takes_pixels(const Lower *l, const Node *n);
/* x and y have the strides of g; false where its kernel is not for this layer or target. */
bool lower_conv_pixels(Lower *l, const Node *n, const Geometry *g, Layout x, Layout y);
/* The kernel pixels_four, for y with yq floats a pixel. */
const char *pixels_four(Lower *l, int lanes, int64_t yq, bool pool, bool mean);
/* lower_winograd_pixels.c: x is the network's input, of one channel. */
void winograd_pixels(Lower *l, const Node *n, const Geometry *g, Layout x, Layout y);
/* lower_winograd_predict.c: the image x of v with pixels as wide as the transforms read them. */
Layout whole_vectors(Lower *l, const Value *v, const Geometry *g, Layout x);
/* x is such an image, and has the zeros that winograd_padding asks for. */
void winograd_predict(Lower *l, const Node *n, const Geometry *g, Layout x, Layout y, int m);
/* The kernel of one vertical tile, wino_column, on vectors of so many lanes. */
const char *use_column(Lower *l, int lanes);
/* The rows of the tiles by which n's kernel is stored; 0: n is computed directly. */
int winograd_of(const Lower *l, const Node *n);
/* The rows and columns of outputs of Winograd's tiles for this layer, or 0 where direct kernels are
 * cheaper: looks at the layer and the function only. The image of the functions below has no
 * padding of its own. */
int winograd_tile(const Lower *l, const Geometry *g);
void winograd_forward(Lower *l, const Node *n, const Geometry *g, Layout y);
void winograd_grad_input(Lower *l, const Node *n, const Geometry *g, Layout dx);
void winograd_grad_kernel(Lower *l, const Node *n, const Geometry *g);
/* Floats of a packed kernel gradient. */
int64_t kernel_floats(const Geometry *g);
/* Ranges of samples whose kernel gradients are summed apart. */
int ranges_of(const Lower *l, const Geometry *g);
/* Where J ranges leave their kernel gradients, of so many floats each, for add_combine: dw itself
 * if there is one range. */
Place ranges_place(Lower *l, const Node *n, int64_t J, int64_t floats, Place dw);
const char *outer_tile(Lower *l, const Geometry *g, const Groups *gr, bool last, int64_t rows,
                       int64_t panel);

/* lower_chain.c: convolutions that run row by row, each reading the last one's rows while they are
 * in cache. Fills l->chain. */
void plan_chains(Lower *l);
/* The nodes of f, one behind the other, that node i can be in a chain with; false: there is none.
 */
bool find_chain(const Function *f, int i, int *first, int *last);
/* The nodes of the chain from node i on. */
void lower_chain(Lower *l, int i);
/* lower_narrow.c: the input gradient where pixels have few channels; looks at the layer only. With
 * addend and activation if `whole`. */
bool is_narrow(const Geometry *g);
void narrow_grad_input(Lower *l, const Node *n, const Geometry *g, Layout dx, bool whole,
                       const char *comment);
/* The weights as it reads them: [R][K][S][pitch of C]. */
Place narrow_weights(Lower *l, const Geometry *g, const Value *w);
/* A row of `floats` floats as whole vectors, and one of 4 or 8 floats that holds the rest. */
typedef struct {
    const char *V, *VT;
    int L, LT; /* their lanes; LT 0: no rest */
    int64_t NV;
} NarrowVectors;

NarrowVectors narrow_vectors(const Machine *m, int64_t floats);
/* lower_routes.c: the pooling that runs behind this convolution in training, because nothing else
 * asks for the feature map between them or for its gradient. NULL: there is none. */
const Node *routed_pool(Lower *l, const Node *conv);
/* The layout of that pooling's result; the routes lie `distance` floats behind it. */
Layout define_with_routes(Lower *l, const Node *conv, const Node *pool, int64_t *distance);
/* Whether v is such a feature map, or its gradient. */
bool is_routed(const Lower *l, const Value *v);
/* lower_pool.c: whether a bias asks for the sum of this gradient over its pixels. */
bool has_bias_grad(const Lower *l, const Value *dy);
/* n: the pooling's gradient. */
void window_grad(Lower *l, const Node *n);
void routed_grad_kernel(Lower *l, const Node *n, const Geometry *g, Place x, Place dw);
void routed_grad_input(Lower *l, const Node *n, const Geometry *g, Layout dx, bool whole,
                       const char *comment);
/* Whether the kernel of this convolution needs no zeros around its image. */
bool skips_padding(const Node *n);
/* The zeros that it needs: top, bottom, left, right. */
void padding_of(const Lower *l, const Node *n, int32_t pad[4]);
/* lower_grouped.c: with groups too small for those kernels. */
void lower_grouped(Lower *l, const Node *n);
/* Depthwise, by a kernel for a row of its result. */
typedef struct {
    const char *line;     /* the kernel: see depthwise_line.c.in */
    int lanes, panel;     /* of a vector; of the weights */
    int64_t block, width; /* channels that are worth staying with; floats written a pixel */
    int64_t macs;
} DepthwiseRow;

bool has_depthwise_rows(const Node *n);
/* x as rows that a vector can be read from at any channel. */
Layout readable(Lower *l, const Value *x, int64_t channels);
/* Over pixels of XP and YP floats. */
DepthwiseRow depthwise_row(Lower *l, const Node *n, int64_t XP, int64_t YP);
void lower_grouped_grad_input(Lower *l, const Node *n);
void lower_grouped_grad_kernel(Lower *l, const Node *n);
/* Packed weights in the layout of the input gradient over C channels in groups. */
Place grouped_weights(Lower *l, const Value *w, int64_t C, int64_t groups);

/* ---- pieces that several rules use ---------------------------------------------------------- */

/* lower_shape.c: x with zeros around it, as a dense image of pixels of the same pitch. */
Layout padded(Lower *l, const Value *x, const int32_t pad[4]);
void copy_window(Lower *l, const char *name, Layout x, const Shape *xs, Layout y, const Shape *ys,
                 int64_t top, int64_t left);
/* lower_elementwise.c */
/* dx = d act'(y). */
void add_activation_grad(Lower *l, int act, const Value *d, const Value *y, const Value *dx);
/* y = a + b */
void add_sum(Lower *l, const Value *a, const Value *b, const Value *y);
/* lower_conv.c: packed weights `w` of parameter v in the layout of the input gradient. */
Place transposed_weights(Lower *l, DerivedKind kind, const Value *v, Place w, int64_t taps,
                         int64_t C, int64_t K);
/* lower_norm.c: partial sums join into `result`; the sum over all samples of x, `floats` a sample.
 */
void sum_samples(Lower *l, Layout x, int64_t floats, Place result);
int sample_ranges(const Lower *l);
void add_combine(Lower *l, Place rows, Place result, int64_t floats, int mode, int64_t pixels);

#endif
