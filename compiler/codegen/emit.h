/* Writing C text from plans. Everything is decided before; these functions only print. */
#ifndef LATHE_CODEGEN_EMIT_H
#define LATHE_CODEGEN_EMIT_H

#include "plan.h"

/* What one target contributes to the file. */
typedef struct {
    Machine machine;
    KernelSet kernels;
    Plan *predict, *eval, *train; /* NULL where the file does not have them */
    const char **input_bytes;     /* for each input the kernel that converts raw bytes */
} Section;

/* Where things lie in a workspace, in floats. */
typedef struct {
    int64_t grads, buffers, floats;
} WorkspaceLayout;

/* An input, output or loss of the interface. */
typedef struct {
    const Value *value;
    const char *name;
    const char *id;    /* its parameter in C: "in_image", "out_dense", "labels_dense" */
    const char *macro; /* part of a macro's name: "IN_IMAGE" */
    int64_t count;     /* elements a sample */
    int64_t at;        /* in the workspace: converted bytes, and what the self-test passes */
    int output;        /* of a loss: the output that it belongs to */
} Port;

typedef struct {
    Module *m;
    const CodegenOptions *o; /* its batch: the samples that go through the steps together */
    Phases phases;           /* of predict */
    int batch;               /* most samples a call */
    const char *id;          /* the model's identifier: prefix of every symbol */
    const char *ID;          /* the same in capitals: prefix of macros */
    ParamTable *params;
    Section section[MAX_TARGETS];
    int nsections;
    WorkspaceLayout work;
    Port *input, *output, *loss; /* no losses for inference */
    int ninputs, noutputs, nlosses;
    bool takes_bytes; /* there are _u8 entry points */
    uint64_t model_hash, layout_hash;
    float *expected;      /* the self-test's first outputs, or its loss */
    int64_t *expected_at; /* where the outputs lie behind the first output's start */
    int nexpected;
    unsigned char *image;
    size_t image_bytes;
    bool embed;     /* the image is part of the C file */
    bool assembled; /* or of an assembler file */
} File;

/* generate.c: from the module to plans with everything in its place. */
void lower_file(File *f, Module *m, const CodegenOptions *o);
/* A workspace or weights that are too large are an error in d. */
bool check_file_size(const File *f, Diag *d);

/* together.c: for a file whose ports are made. */
Phases choose_phases(const File *f);

/* cost.c: bytes that a caller of the generated code provides. */
typedef struct {
    int64_t weights, workspace; /* the image, or the state of training; for o->batch samples */
} Memory;
Memory memory_of(const File *f);
/* More than o->max_memory is an error in d that says where, and what would fit. */
bool check_memory(const File *f, Diag *d);
/* About how many bytes of code and tables a Cortex-M compiler makes of a file for c99. */
int64_t estimated_code(const File *f, const char *source);

/* A name as part of an identifier: letters, digits and underscores. */
const char *identifier(Arena *a, const char *name);
/* prefix and name as an identifier that none of the `taken` ones (which may be null) equals. */
const char *unique_identifier(Arena *a, const char *prefix, const char *name,
                              const char *const *taken, int ntaken);
/* Text between quotes in C, whatever the name holds. */
const char *c_string(Arena *a, const char *text);
/* A float constant of C that reads back as x, which is finite. */
const char *c_float(Arena *a, float x);
/* Text inside a comment: no comment ends or begins in it, and it stays on its line. */
const char *c_comment(Arena *a, const char *text);

void emit_source(const File *f, StrBuf *w); /* emit.c */
/* Its parts for one step: the function, and the line that calls it. */
void emit_step(const File *f, const Section *s, const Plan *plan, int index, StrBuf *w);
/* What the function is called. */
const char *step_name(const File *f, const Section *s, const Plan *plan, int index);
void emit_call(const File *f, const Section *s, const Plan *plan, int index, StrBuf *w);

/* emit_shared.c: what NAME_train_step consists of, for several processes with a stage between. */
typedef enum { STAGE_STEPS, STAGE_REDUCED, STAGE_APPLY } Stage;
Stage stage_of(const Step *s);
/* Behind the call of a step: what it leaves whole. */
void emit_ready(const File *f, const Plan *plan, int step, StrBuf *w);
/* Behind all of them: waits for the sums, and what is done to these. */
void emit_shared_finish(const File *f, StrBuf *w);

void emit_tables(const File *f, StrBuf *w);  /* emit_tables.c: tensors, init, export, model table */
void emit_entries(const File *f, StrBuf *w); /* emit_entries.c: the public functions */
void emit_assembly(const File *f, StrBuf *w); /* emit_tables.c: the weights image */
void emit_header(const File *f, StrBuf *w);   /* emit_header.c */
void emit_python(const File *f, StrBuf *w);   /* emit_python.c: the module for numpy */

/* emit_scale.c: scaling of photographs to the model's input; nothing without o->scale */
void emit_scale(const File *f, StrBuf *w);
void emit_scale_header(const File *f, StrBuf *w);

/* ports.c */
void make_ports(File *f);
/* Gives the ports their places behind `at`; returns the end. */
int64_t place_ports(File *f, int64_t at);
/* "const float *in_a, const float *in_b", or with uint8_t. */
const char *input_params(const File *f, bool bytes);
const char *output_params(const File *f);
const char *label_params(const File *f);
bool has_class_labels(const File *f, const Port *loss);
void emit_value_tables(const File *f, StrBuf *w);

/* halves.c: numbers of 16 bits, rounded to nearest even. */
uint16_t half_bits(float x, WeightsType type);
float half_value(uint16_t h, WeightsType type);
/* Gives the kernels that are stored in 16 bits the values that the image will hold; a finite number
 * that the type does not reach is an error in d. */
bool round_kernels(Module *m, const ParamTable *params, WeightsType type, Diag *d);

/* probes.c */
const Probe *make_probes(const File *f, int *count);

/* image.c */
enum { IMAGE_HEADER_BYTES = 64 };
/* winograd_weights.c: a kernel (r, r, C, K) as its layout wants it. */
void pack_winograd(const float *data, const ParamLayout *l, float *to);
unsigned char *write_image(const File *f, size_t *bytes);
uint64_t fnv1a(uint64_t hash, const void *bytes, size_t n);
#define FNV_START UINT64_C(0xCBF29CE484222325)

#endif
