/* From a module whose pipeline has run to C text and a weights image. */
#ifndef LATHE_CODEGEN_CODEGEN_H
#define LATHE_CODEGEN_CODEGEN_H

#include "../ir/module.h"

typedef enum {
    TARGET_C99,
    TARGET_SSE2,
    TARGET_WASM,
    TARGET_RISCV64,
    TARGET_NEON,
    TARGET_AVX2,
    TARGET_AVX512,
    TARGET_COUNT
} Target;

enum { MAX_TARGETS = 3 }; /* of one file */

/* How the image stores the kernels of convolutions, dense layers and matrix products; everything
 * else, and all arithmetic, is float. */
typedef enum { WEIGHTS_F32, WEIGHTS_F16, WEIGHTS_BF16 } WeightsType;

/* What a tuning file says of a layer, by the name of its node in predict. */
typedef struct {
    const char *name;
    int variant; /* of variant.h */
} TunedLayer;

typedef struct {
    TunedLayer *layer;
    int count;
    uint64_t hash; /* of the file */
} Tuning;

typedef struct {
    int batch;         /* most samples a call, >= 1 */
    bool train;        /* eval, train_step and init; else predict */
    bool shared;       /* training by several processes: see lathe_exchange.h */
    bool sync_norm;    /* ... whose batch normalisation takes the statistics of all of them */
    bool single;       /* everything in the C file: header and weights */
    bool reproducible; /* targets without FMA use fmaf */
    bool exact;        /* no Winograd */
    bool any_kernels; /* for tests: kernels drawn from the legal ones, by kernel_seed, not chosen */
    uint64_t kernel_seed;
    const Tuning *tuning; /* NULL: the cost model chooses */
    bool assembled;       /* the image becomes part of the program by an assembler file */
    bool python;          /* inference: also a module for Python */
    bool apart;           /* every value dense in a buffer that nobody else writes: no homes */
    bool guarded;         /* a buffer of its own for each value, with a guard around it */
    int64_t max_memory;   /* most bytes of weights and workspace; 0: any */
    bool no_example;      /* for the self-test: the interpreter takes a while to compute it */
    bool scale;           /* also NAME_scale_image, for a model whose only input is an image */
    int filter;           /* how it scales: of templates/resize.h.in */
    int shorter; /* > 0: the shorter side gets so many pixels, of which the middle is kept */
    WeightsType weights_type;    /* of inference */
    Target targets[MAX_TARGETS]; /* best first */
    int ntargets;
} CodegenOptions;

/* What inference needs, in bytes: the weights image, the workspace, and about so much for the code
 * and tables of target c99 on a Cortex-M. */
typedef struct {
    int64_t weights, workspace, code;
} Needs;

typedef enum { PROBE_FORWARD, PROBE_GRADIENT, PROBE_WEIGHT } ProbeKind;

/* Where a value of the training step lies, in floats from the start of the workspace or the state:
 * rows of `channels` numbers that are `pitch` apart. */
typedef struct {
    const char *after; /* the step of a profile build behind which it is there; NULL: a weight */
    const char *value, *layer, *op;
    ProbeKind kind;
    bool in_state;
    bool each; /* one for each sample, `sample` floats apart */
    int64_t at, sample, rows, pitch, channels;
    int order; /* of the step */
} Probe;

typedef struct {
    StrBuf source, header; /* NAME.c, NAME.h */
    StrBuf assembly;       /* NAME_weights.S, empty if none */
    StrBuf python;         /* NAME.py, empty if none */
    unsigned char *image;  /* NAME.weights (malloc), NULL if none */
    size_t image_bytes;
    Needs needs;
    const Probe *probe; /* of training, for the first target; in the module's arena */
    int nprobes;        /* values in the order in which they are there, then weights */
} Generated;

/* "host", "avx512", "avx512,avx2", ...: fills targets; an unknown name is an error in d. */
bool parse_targets(const char *text, CodegenOptions *o, Diag *d);
/* "random:SEED"; another text is an error in d. */
bool parse_kernels(const char *text, CodegenOptions *o, Diag *d);
/* "f32", "f16" or "bf16"; another name is an error in d. */
bool parse_weights_type(const char *text, CodegenOptions *o, Diag *d);
bool generate(Module *m, const CodegenOptions *o, Generated *out, Diag *d);
void generated_free(Generated *g);

/* `compile --plain`: the training step as loops that can be read, from a module whose plain
 * pipeline has run. */
typedef struct {
    int batch;
    uint64_t seed;
    const char *file; /* its name, for the comment that says how to build it */
} PlainOptions;

/* False, with all that has no plain form in one error of d. */
bool generate_plain(Module *m, const PlainOptions *o, StrBuf *out, Diag *d);

/* The text of `inspect --plan`: steps, buffers, offsets, total, lower bound. */
bool print_plan(Module *m, const CodegenOptions *o, StrBuf *out, Diag *d);
/* The text of `summary --cost`: multiply-adds, and for each target memory and predicted time. */
bool print_cost(Module *m, const CodegenOptions *o, StrBuf *out, Diag *d);
/* The time that bench --layers measured for the steps of a node. */
typedef struct {
    const char *layer;
    double seconds;
} MeasuredLayer;

/* The text of `inspect --kernels`: for each layer of predict its kernels, which variant was chosen
 * and among which, the time that the machine's row predicts for one core, and what was measured. */
bool print_kernels(Module *m, const CodegenOptions *o, const MeasuredLayer *measured, int count,
                   StrBuf *out, Diag *d);
/* The text of `inspect --layouts`: how each value lies in memory, and the steps that only move. */
bool print_layouts(Module *m, const CodegenOptions *o, StrBuf *out, Diag *d);

/* A layer of predict with several variants (of variant.h): a convolution, or the depthwise
 * convolution of a possible chain, with the nodes of that. */
typedef struct {
    const Node *node;
    unsigned legal; /* a set of bits */
    int chosen;
    int first, last; /* nodes of predict that it covers */
} Site;

/* All of them, in the module's arena. */
int find_sites(Module *m, const CodegenOptions *o, Site **sites);
/* Of the site that a layer's steps serve: "direct/bands, not direct/channels", or "". */
const char *variant_choice(Arena *a, const Function *f, const Site *sites, int count,
                           const char *layer);
/* The page of `inspect --html`. */
bool generate_page(Module *m, const CodegenOptions *o, StrBuf *out, Diag *d);
/* Where predict leaves the results of its nodes, a line each: float offset in the workspace (-1:
 * the caller's output), floats from a sample to the next, lines of a sample, floats from a line to
 * the next, rows of a line, floats from a row to the next, channels, name. All of them are there
 * together after a call only where the options are those of guarded code. */
bool print_values(Module *m, const CodegenOptions *o, StrBuf *out, Diag *d);

#endif
