/* The ways to compute a layer of predict where there are several, and which of them is taken: the
 * one in the tuning file, else one that is drawn (for tests), else the cost model's. All but the
 * choice of Winograd's tiles give the same bits. */
#ifndef LATHE_CODEGEN_VARIANT_H
#define LATHE_CODEGEN_VARIANT_H

#include "codegen.h"

typedef enum {
    VARIANT_CHANNELS,  /* direct; a part is a group of output channels */
    VARIANT_BANDS,     /* direct; a part is a band of rows with all output channels */
    VARIANT_PIXELS,    /* direct; a vector is neighbouring pixels of one output */
    VARIANT_F2_STEPS,  /* Winograd's F(2x2,3x3) in three steps that share their buffers */
    VARIANT_F2_BLOCKS, /* the same in blocks of tiles, through scratch of a core's own */
    VARIANT_F4_STEPS,  /* F(4x4,3x3) */
    VARIANT_F4_BLOCKS,
    VARIANT_F4_5X1_STEPS, /* F(4x1,5x1) */
    VARIANT_F4_5X1_BLOCKS,
    VARIANT_F4_5X1_PIXELS, /* with vectors of pixels as in VARIANT_PIXELS */
    VARIANT_CHAIN,         /* a depthwise convolution with its neighbours, row by row */
    VARIANT_ALONE,         /* the same as a step of its own */
    VARIANT_COUNT
} Variant;

/* Of a band's input, so that it stays near while the channels pass. */
enum { BAND_BYTES = 1 << 17 };

/* "winograd4/blocks" */
const char *variant_name(Variant v);
/* The names of a set of bits: "direct/channels, direct/bands". */
const char *variant_names(Arena *a, unsigned set);
/* VARIANT_COUNT for a name that there is not. */
Variant variant_find(const char *name);
/* m of Winograd's F(m x m, r x r) or F(m x 1, r x 1); 0: direct. */
int variant_winograd(Variant v);
bool variant_blocks(Variant v);

/* The variants of this convolution that are legal, as a set of bits; 0: it has no choice. */
unsigned conv_variants(const CodegenOptions *o, const Node *n);
Variant choose_conv(const CodegenOptions *o, const Node *n);
/* Whether the depthwise convolution n, which has neighbours for a chain, goes with them. */
bool choose_chain(const CodegenOptions *o, const Node *n);

#endif
