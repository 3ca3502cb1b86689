/* Choice of register blocks: how many rows and vectors one tile holds, and how tiles cover a
 * feature map. */
#include "lower.h"

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int most_rows(const Machine *m, int vectors) {
    int rows = m->accumulators / vectors;
    if (rows > m->rows) rows = m->rows;
    return rows < 1 ? 1 : rows;
}

static Groups groups_of(const Machine *m, int64_t floats, int panel, int64_t panels) {
    Groups g = {.panel = panel};
    g.width = (int)(panel * panels);
    if (floats < g.width) g.width = (int)floats;
    g.lanes = machine_lanes(m, g.width);
    g.vectors = g.width / g.lanes;
    g.rows = most_rows(m, g.vectors);
    g.groups = (floats + g.width - 1) / g.width;
    g.last_width = floats - (g.groups - 1) * g.width;
    g.last = g.last_width != g.width;
    g.last_lanes = machine_lanes(m, g.last_width);
    g.last_vectors = (int)(g.last_width / g.last_lanes);
    g.last_rows = most_rows(m, g.last_vectors);
    return g;
}

Groups choose_groups(const Machine *m, int64_t floats, int panel) {
    return groups_of(m, floats, panel, panel == 16 && floats >= 32 ? m->group : 1);
}

/* Lines that a set of a first cache holds. */
enum { WAYS = 8 };

Groups choose_pixel_groups(const Machine *m, int64_t floats, int panel, int64_t step) {
    Groups g = choose_groups(m, floats, panel);
    if (step % SET_FLOATS || panel != 16) return g;
    for (int panels = m->group; g.rows > WAYS && (int64_t)panels * panel < floats;)
        g = groups_of(m, floats, panel, panels *= 2);
    return g;
}

/* Sums of one row that hide how long a multiply-add takes. */
enum { ROW_SUMS = 8 };

Groups choose_row_groups(const Machine *m, int64_t floats, int panel) {
    int64_t panels = ceil_div(floats, panel), most = ROW_SUMS * m->lanes / panel;
    if (panel < 16 || most <= m->group) return choose_groups(m, floats, panel);
    return groups_of(m, floats, panel, ceil_div(panels, ceil_div(panels, most)));
}

/* How a feature map of P x Q divides into blocks of at most `rows` pixels. */
typedef struct {
    int64_t pb, qb, pn, qn; /* block, number of whole blocks */
    int64_t pt, qt;         /* rest at the bottom or at the right; 0: none */
} Blocks;

/* A block with pooling covers whole windows: ph rows, and as many windows side by side as fit. */
static Blocks pooled_blocks(int64_t P, int64_t Q, int rows, int ph, int pw) {
    Blocks b = {.pb = ph, .pn = P / ph};
    int64_t windows = Q / pw, most = rows / (ph * pw) > 0 ? rows / (ph * pw) : 1;
    int64_t side = ceil_div(windows, ceil_div(windows, most));
    b.qb = side * pw;
    b.qn = windows / side;
    b.qt = windows % side * pw;
    return b;
}

static Blocks choose_blocks(int64_t P, int64_t Q, int rows, int ph, int pw) {
    if (ph * pw > 1) return pooled_blocks(P, Q, rows, ph, pw);
    Blocks b = {.pb = 1, .pn = P};
    if (Q <= rows) {
        b.qb = Q;
        b.qn = 1;
        b.pb = ceil_div(P, ceil_div(P, rows / Q));
        b.pn = P / b.pb;
        b.pt = P % b.pb;
        return b;
    }
    b.qb = ceil_div(Q, ceil_div(Q, rows));
    b.qn = Q / b.qb;
    b.qt = Q % b.qb;
    return b;
}

/* Sums that compilers keep on the stack while a function of many instructions works on one of them:
 * of more, the stack would grow beyond what generated code promises. */
enum { MOST_SPILLED = 24 };

static bool is_long(int act) { return act && act != ACT_RELU; }

/* Weights of a part that do not stay in a first cache while its tiles pass are asked for so many k
 * before they are needed; not where each is used for a few rows only, as fast as it comes. */
enum { NEAR_BYTES = 1 << 15, NEAR_AHEAD = 8, NEAR_ROWS = 4 };

static int near_of(const SweepShape *s, int lanes, int64_t width, int64_t rows) {
    bool stays = 4 * s->T1 * s->T2 * s->CI * width <= NEAR_BYTES;
    return stays || lanes == 1 || rows < NEAR_ROWS || s->half || width % 16 ? 0 : NEAR_AHEAD;
}

static const char *use_tile_ahead(Lower *l, const SweepShape *s, const Groups *g, bool last,
                                  int64_t rows, int64_t qb, int64_t ahead) {
    int lanes = last ? g->last_lanes : g->lanes, vectors = last ? g->last_vectors : g->vectors;
    GemmTileParams p = {.V = vector_name(l->machine, lanes),
                        .L = lanes,
                        .MR = rows,
                        .QB = qb,
                        .NV = vectors,
                        .ahead = ahead,
                        .near = near_of(s, lanes, (int64_t)lanes * vectors, rows),
                        .half = s->half,
                        .PW = g->panel,
                        .panel = s->panel,
                        .xp = s->xp,
                        .xq = s->xq,
                        .yp = s->yp,
                        .yq = s->yq,
                        .T1 = s->T1,
                        .T2 = s->T2,
                        .t1 = s->t1,
                        .t2 = s->t2,
                        .CI = s->CI,
                        .bias = s->bias,
                        .load = s->load,
                        .act = s->act,
                        .act_name = s->function.name ? s->function.name : "",
                        .act_args = s->function.args ? s->function.args : "",
                        .ph = s->ph ? s->ph : 1,
                        .pw = s->pw ? s->pw : 1,
                        .mean = s->mean,
                        .routes = s->routes};
    p.apart = is_long(s->act) && p.ph * p.pw == 1 && p.MR * p.NV > MOST_SPILLED;
    const char *stem = arena_printf(l->m->arena, "tile_%dx%d%s%s_%s", (int)rows, (int)(p.NV * p.L),
                                    s->act ? "_" : "", s->act ? act_text(s->act) : "", p.V);
    return use_kernel(l->kernels, &kernel_gemm_tile, &p, stem);
}

const char *use_tile(Lower *l, const SweepShape *s, const Groups *g, bool last, int64_t rows,
                     int64_t qb) {
    return use_tile_ahead(l, s, g, last, rows, qb, 0);
}

/* Floats by which each k asks for the next group: a line, but half of one where panels are
 * neighbours and there are twice as many tiles: memory is no faster. */
static int64_t floats_ahead(const SweepShape *s, const Groups *g, const Blocks *b, bool last) {
    int64_t tiles = b->pn * (b->qn + (b->qt > 0)) + (b->pt > 0);
    bool neighbours = s->panel == s->T1 * s->T2 * s->CI * g->panel;
    bool many = tiles * g->panel >= 2 * (last ? g->last_width : g->width);
    return neighbours && many ? g->panel / 2 : g->panel;
}

const char *use_sweep(Lower *l, const SweepShape *s, const Groups *g, bool last) {
    int ph = s->ph ? s->ph : 1, pw = s->pw ? s->pw : 1;
    int rows = last ? g->last_rows : g->rows, vectors = last ? g->last_vectors : g->vectors;
    if (is_long(s->act) && ph * pw > 1 && rows * vectors > MOST_SPILLED)
        rows = MOST_SPILLED / vectors;
    Blocks b = choose_blocks(s->P, s->Q, rows, ph, pw);
    int64_t ahead = s->ahead ? floats_ahead(s, g, &b, last) : 0;
    SweepParams p = {.PN = b.pn,
                     .QN = b.qn,
                     .xp = b.pb * s->xp,
                     .xq = b.qb * s->xq,
                     .yp = b.pb / ph * s->yp,
                     .yq = b.qb / pw * s->yq,
                     .ahead = ahead ? s->panel * ahead / g->panel : 0,
                     .asking = ahead ? (last ? g->last_width : g->width) / ahead : 0,
                     .tail = b.qt   ? 1
                             : b.pt ? 2
                                    : 0};
    p.tile = use_tile_ahead(l, s, g, last, b.pb * b.qb, b.qb, ahead);
    p.tile_tail = b.qt   ? use_tile_ahead(l, s, g, last, b.pb * b.qt, b.qt, ahead)
                  : b.pt ? use_tile_ahead(l, s, g, last, b.pt * b.qb, b.qb, ahead)
                         : "";
    const char *stem = arena_printf(l->m->arena, "sweep_%dx%d", (int)s->P, (int)s->Q);
    return use_kernel(l->kernels, &kernel_sweep, &p, stem);
}
