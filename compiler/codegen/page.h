/* What `inspect --html` writes: a page that draws a plan. page_graph.c makes vertices and edges of
 * it, page_layout.c gives them places, page_draw.c draws them; page_map.c draws the workspace,
 * page_steps.c writes what there is to say of each step, and page.c the page around all that. The
 * page is HTML alone: its script (templates/inspect.html) only shows, hides and highlights, and
 * what comes from a model stands only in text and quoted attributes, escaped by page_text. */
#ifndef LATHE_CODEGEN_PAGE_H
#define LATHE_CODEGEN_PAGE_H

#include "emit.h"

typedef enum {
    VERTEX_INPUT,  /* what the caller passes */
    VERTEX_STEPS,  /* a layer, or several that run as one, with its steps */
    VERTEX_ALIAS,  /* a layer without a step: its result lies where its operands do */
    VERTEX_OUTPUT, /* where the caller gets the result, and perhaps a step that copies it there */
    VERTEX_BEND    /* a place that an edge over several rows goes through */
} VertexKind;

/* Training has two columns: forward, from top to bottom, and backward beside it, upwards. */
enum { FORWARD, BACKWARD };

typedef struct {
    VertexKind kind;
    const char **layers; /* the layer, then what is fused into it */
    int nlayers, layers_cap;
    const char *shapes; /* "56x56x64 -> 56x56x256" */
    const char *brief;  /* the same, or less of it, in a line of a box */
    int first, nsteps;  /* of the plan */
    int64_t weights;    /* bytes of the parameters that it reads or makes */
    int64_t in, out;    /* bytes a sample of the values that it reads and makes */
    int column, rank;
    int place;   /* in its column and rank, from the left */
    double x, y; /* middle, top */
    double width, height;
} Vertex;

typedef struct {
    int from, to;
    bool loose; /* between the columns, or to the optimizer: it does not order vertices */
    int *bends; /* from top to bottom */
    int nbends;
} Edge;

typedef struct {
    Arena *arena;
    const File *file;
    const Section *section;
    const Plan *plan;
    int index; /* of the plan, part of all ids */
    Vertex *vertices;
    int nvertices, vertices_cap;
    Edge *edges;
    int nedges, edges_cap;
    int *vertex_of_step;
    double width, height;
    double middle; /* where the right column begins; 0: there is one */
    /* Sums over the steps, and for each the time that the machine's row predicts. */
    double *ms, sum_ms;
    int64_t macs, bytes;
} Drawing;

/* ---- text (page_text.c) --------------------------------------------------------------------- */

/* `text` for HTML and quoted attributes, whatever bytes it holds: markup is escaped, and
 * characters that are invisible or turn the direction of writing appear as their number. */
void page_text(StrBuf *w, const char *text);
/* The first characters of `text`, at most `most`, and then page_text. */
void page_short(StrBuf *w, const char *text, int most);
/* "12,345,678" */
const char *page_number(Arena *a, int64_t n);
/* "12.3 M", "12.3 KiB", "12.3 us" */
const char *page_count(Arena *a, int64_t n);
const char *page_bytes(Arena *a, int64_t n);
const char *page_time(Arena *a, double ms);
/* x as a share of `all`, in 0 to 1. */
double page_share(double x, double all);

/* ---- parts ---------------------------------------------------------------------------------- */

Drawing *draw_plan(const File *f, const Section *s, const Plan *p, int index); /* page_graph.c */
/* Bytes of the parameters at this place of a step; 0: there are none. */
int64_t weight_bytes(const Drawing *d, const Step *s, int arg);
enum {
    MOST_LAYERS = 6,
    LINE_CHARACTERS = 36,
    BOX_WIDTH = 270,
    LINE_HEIGHT = 17,
    STEP_HEIGHT = 45,
    BOX_PAD = 9
};
void lay_out(Drawing *d);                     /* page_layout.c */
void page_graph(const Drawing *d, StrBuf *w); /* page_draw.c */
void page_map(const Drawing *d, StrBuf *w);   /* page_map.c */
void page_steps(const Drawing *d, StrBuf *w); /* page_steps.c */
/* The functions of the section's kernels, and which steps use them. */
void page_functions(Drawing *const *drawings, int count, StrBuf *w);

#endif
