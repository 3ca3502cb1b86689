/* The plan: a function lowered to steps over one buffer layout, before any text is written.
 *
 * A value has a physical layout: rows of `pitch` floats, the last axis innermost; the lanes between
 * the last axis and the pitch hold finite values, and zeros in gradients. In inference a value may
 * lie in the rows of a concatenation, have zeros around it, or take an operand's place: see
 * homes.c. A parameter is packed in
 * panels of PW output channels: element (row, column) lies at (column / PW * rows + row) * PW +
 * column % PW, lanes past the columns are zero; the kernel of a Winograd convolution in its domain:
 * point e of (row, column) at ((column / PW * points + e) * rows + row) * PW + column % PW. Pitches
 * and panels are the same for every target.
 */
#ifndef LATHE_CODEGEN_PLAN_H
#define LATHE_CODEGEN_PLAN_H

#include "kernels.h"
#include "machine.h"

#include "../ir/module.h"

enum { MAX_ARGS = 10, BUFFER_ALIGN = 64 };

/* ---- where floats lie ----------------------------------------------------------------------- */

typedef enum {
    PLACE_NONE,    /* a null pointer */
    PLACE_INPUT,   /* the caller's input number `at` (or the converted bytes) */
    PLACE_BYTES,   /* the caller's raw bytes of input number `at` */
    PLACE_LABELS,  /* the caller's labels for loss number `at` */
    PLACE_OUTPUT,  /* the caller's output number `at` */
    PLACE_WEIGHTS, /* parameters: weights image, or state; `at` floats from its start */
    PLACE_STATE,   /* the same, written */
    PLACE_GRADS,   /* gradients of parameters; `at` floats from their start */
    PLACE_BUFFER   /* buffer number `at` in the workspace */
} PlaceKind;

typedef struct {
    PlaceKind kind;
    int64_t at;
    int64_t offset; /* floats from there, in a buffer */
} Place;

typedef struct {
    Place place;
    int64_t pitch, rows; /* floats a row, rows a sample */
    int64_t channels;    /* floats of a row that mean something */
    /* An image with a halo: floats from a row of pixels to the next, and a sample; else 0. */
    int64_t line, sample;
} Layout;

/* Where a value lies that has no buffer of its own, or one with zeros around it: see homes.c. */
typedef struct {
    const Value *over;  /* it takes the place of this one */
    const Value *whole; /* the concatenation in whose rows it lies, */
    int64_t channel;    /* from this channel on */
    int32_t halo[4];    /* top, bottom, left, right */
} Home;

typedef struct {
    const char *name;
    const char *id; /* the name of its offset in the C file */
    int64_t floats;
    int64_t each;    /* of these for a sample; 0: it holds no samples */
    int samples;     /* that it has room for */
    int first, last; /* steps that touch it */
    bool pinned;     /* alive from start to end */
    int64_t offset;  /* in floats, from the planner */
} Buffer;

/* ---- parameters ----------------------------------------------------------------------------- */

typedef struct {
    int64_t rows, columns; /* of the packed matrix; a vector is one row */
    int panel;             /* PW */
    int64_t floats;        /* padded to 16 */
    bool half;             /* stored as so many 16-bit numbers, of o->weights_type */
    int winograd;          /* m: stored as Winograd's F(m x m, r x r) multiplies by it; else 0 */
    int kernel;            /* r; with vertical tiles by F(m x 1, r x 1) */
    const char *id;        /* the name of its offset in the C file */
    int64_t at;            /* in the weights image or the state; -1: not stored */
    int64_t grad_at;       /* among the gradients, for trainable weights; else -1 */
} ParamLayout;

typedef struct {
    ParamLayout *param; /* by index in the module's table */
    int64_t floats;     /* of image or state */
    int64_t trained;    /* floats of the trainable weights, which come first */
} ParamTable;

/* ---- steps ---------------------------------------------------------------------------------- */

typedef struct {
    const KernelType *type;
    const void *params;
    const char *fn;   /* name of its function */
    const char *stem; /* that name without prefix and number */
} KernelUse;

typedef struct {
    const char *name;    /* layer and role: "conv2d", "conv2d/kernel/grad" */
    const char *layer;   /* of the node that it serves */
    const char *comment; /* what it computes and its shapes */
    const KernelUse *kernel;
    KernelInfo info;
    Place arg[MAX_ARGS];
    const char *arg_type[MAX_ARGS]; /* NULL: const float * */
    bool arg_writes[MAX_ARGS];
    int nargs;
    int node, nnodes; /* nodes of the function that it serves, from number `node` on */
    int samples;      /* it works on so many at a time */
    bool apply;       /* part of NAME_apply */
    bool reduced;     /* for several processes: of what all their gradients are added up to */
    bool total;       /* its number of samples is that of all processes */
} Step;

/* The function in phases: the first ones take fewer samples at a time than the later ones. Before a
 * phase works on its samples, the one before it has run for all of them, a few after the other. */
enum { MAX_PHASES = 16 };

typedef struct {
    int end; /* its nodes end before this one */
    int samples;
} Phase;

typedef struct {
    Phase phase[MAX_PHASES];
    int count;
} Phases;

typedef struct {
    const Function *function;
    Phases phases;
    Step *steps;
    int nsteps, steps_cap;
    Buffer *buffers;
    int nbuffers, buffers_cap;
    int64_t floats;       /* workspace that the buffers take */
    int64_t lower_bound;  /* largest sum of buffers alive at once */
    int widest;           /* the step while which they are */
    int64_t separate;     /* sum of all buffers */
    const Layout *layout; /* by value id, where `defined` */
    const bool *defined;
    const Home *home; /* by value id */
} Plan;

/* ---- the services of codegen/ --------------------------------------------------------------- */

/* Of a cache line. */
enum { LINE_FLOATS = 16 };

/* As many floats as whole cache lines have. */
static inline int64_t whole_lines(int64_t floats) {
    return (floats + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

/* Floats a row of `channels` takes in a buffer; channels in a panel of weights. */
int64_t pitch_of(int64_t channels);
int panel_of(int64_t channels);
int64_t packed_index(const ParamLayout *p, int64_t row, int64_t column);

/* layout.c: places every parameter that `functions` use. */
ParamTable *layout_params(Module *m, const CodegenOptions *o);

/* planner.c: sizes and offsets by lifetime; `guarded`: none shared, a guard around each. */
enum { GUARD_FLOATS = 64 };
void plan_buffers(Arena *a, Plan *p, bool guarded);
void print_buffers(const Plan *p, int batch, StrBuf *out);

/* kernels of one target, in the order in which they must be emitted */
typedef struct {
    Arena *arena;
    const char *prefix; /* of function names: "model1_" or "model1_avx2_" */
    KernelUse **uses;
    int nuses, uses_cap;
    const char **texts; /* strings among the parameters */
    int ntexts, texts_cap;
} KernelSet;

/* The one copy of `text` in the set: parameters of kernels are compared by address. */
const char *share_text(KernelSet *s, const char *text);
const char *use_kernel(KernelSet *s, const KernelType *type, const void *params, const char *stem);

/* lower.c */
bool is_optimizer(OpKind op);
/* `phases` are those of f, of which the last takes o->batch samples. */
Plan *lower_function(Module *m, const Function *f, const Phases *phases, const ParamTable *params,
                     const CodegenOptions *o, const Machine *machine, KernelSet *kernels);
/* The phase of a node. */
int phase_of(const Phases *p, int node);
/* All of a function for so many samples at a time. */
Phases one_phase(int samples);

#endif
