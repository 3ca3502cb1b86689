/* Places for the vertices of a drawing, layer by layer (Sugiyama, Tagawa and Toda 1981): rows by
 * the longest way to a vertex; bends where an edge passes through a row; an order in the rows that
 * crosses few edges, by sweeps that sort a row by the mean place of its neighbours; and places in
 * the row as near to the neighbours' as distances allow. The columns of training are laid out by
 * themselves over common rows, and the backward column from the bottom to the top, so that a
 * gradient comes to lie beside its layer. */
#include "page.h"

#include <math.h>
#include <string.h>

enum { GAP = 26, BEND_WIDTH = 8, ROW_GAP = 34, COLUMN_GAP = 90, MARGIN = 16 };

/* The neighbours of a vertex or bend in the row above or below. */
typedef struct {
    int *list, count, cap;
} Near;

enum { ABOVE, BELOW };

typedef struct {
    Drawing *d;
    Near *near[2]; /* ABOVE, BELOW: by vertex */
    int rows;
    int **row; /* of the column being laid out: the vertices of a row, in their order */
    int *count;
} Layers;

/* ---- rows ----------------------------------------------------------------------------------- */

static int upper_end(const Drawing *d, const Edge *e) {
    return d->vertices[e->from].column == BACKWARD ? e->to : e->from;
}

static int lower_end(const Drawing *d, const Edge *e) {
    return d->vertices[e->from].column == BACKWARD ? e->from : e->to;
}

/* Every edge goes down at least a row. */
static void relax(Drawing *d) {
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < d->nedges; i++) {
            if (d->edges[i].loose) continue;
            const Vertex *u = &d->vertices[upper_end(d, &d->edges[i])];
            Vertex *v = &d->vertices[lower_end(d, &d->edges[i])];
            if (v->rank > u->rank) continue;
            v->rank = u->rank + 1;
            moved = true;
        }
    }
}

static bool has_layer(const Vertex *v, const char *name, size_t length) {
    for (int i = 0; i < v->nlayers; i++)
        if (!strncmp(v->layers[i], name, length) && !v->layers[i][length]) return true;
    return false;
}

/* The forward vertex to whose layer a vertex of the backward pass belongs, by their names:
 * "conv2d/kernel/grad" to "conv2d"; -1: none. */
static int partner_of(const Drawing *d, const Vertex *b) {
    const char *name = b->layers[0];
    for (size_t n = strlen(name); n > 0; n--) {
        if (name[n] != '/') continue;
        for (int i = 0; i < d->nvertices; i++)
            if (d->vertices[i].column == FORWARD && has_layer(&d->vertices[i], name, n)) return i;
    }
    return -1;
}

/* A gradient does not lie above its layer, nor a layer above the first of its gradients. */
static void align(Drawing *d) {
    enum { ROUNDS = 4 };
    int *partner = ARENA_ARRAY(d->arena, int, (size_t)d->nvertices + 1);
    int *first = ARENA_ARRAY(d->arena, int, (size_t)d->nvertices + 1);
    for (int i = 0; i < d->nvertices; i++)
        partner[i] = d->vertices[i].column == BACKWARD ? partner_of(d, &d->vertices[i]) : -1;
    for (int round = 0; round < ROUNDS; round++) {
        memset(first, 0, (size_t)d->nvertices * sizeof *first);
        for (int i = 0; i < d->nvertices; i++) {
            if (partner[i] < 0) continue;
            int *rank = &d->vertices[i].rank, *least = &first[partner[i]];
            if (*rank < d->vertices[partner[i]].rank) *rank = d->vertices[partner[i]].rank;
            if (!*least || *rank < *least) *least = *rank;
        }
        for (int i = 0; i < d->nvertices; i++)
            if (d->vertices[i].rank < first[i]) d->vertices[i].rank = first[i];
        relax(d);
    }
}

/* What the caller passes stands just above the first who reads it. */
static void lower_inputs(Drawing *d) {
    for (int i = 0; i < d->nvertices; i++) {
        if (d->vertices[i].kind != VERTEX_INPUT) continue;
        int least = 0;
        for (int k = 0; k < d->nedges; k++) {
            const Edge *e = &d->edges[k];
            if (e->from != i || e->loose) continue;
            int rank = d->vertices[e->to].rank;
            if (!least || rank < least) least = rank;
        }
        if (least) d->vertices[i].rank = least - 1;
    }
}

/* ---- bends ---------------------------------------------------------------------------------- */

static int bends_of(const Drawing *d) {
    int count = 0;
    for (int i = 0; i < d->nedges; i++) {
        const Edge *e = &d->edges[i];
        if (!e->loose)
            count += d->vertices[lower_end(d, e)].rank - d->vertices[upper_end(d, e)].rank;
    }
    return count;
}

static void join(Layers *l, int upper, int lower) {
    Near *below = &l->near[BELOW][upper], *above = &l->near[ABOVE][lower];
    ARENA_PUSH(l->d->arena, below->list, below->count, below->cap, lower);
    ARENA_PUSH(l->d->arena, above->list, above->count, above->cap, upper);
}

static void add_bends(Layers *l) {
    Drawing *d = l->d;
    size_t most = (size_t)d->nvertices + (size_t)bends_of(d) + 1;
    for (int k = ABOVE; k <= BELOW; k++) l->near[k] = ARENA_ARRAY(d->arena, Near, most);
    for (int i = 0; i < d->nedges; i++) {
        Edge *e = &d->edges[i];
        if (e->loose) continue;
        int above = upper_end(d, e), below = lower_end(d, e);
        int from = d->vertices[above].rank, to = d->vertices[below].rank;
        e->bends = ARENA_ARRAY(d->arena, int, (size_t)(to - from));
        for (int r = from + 1; r < to; r++) {
            Vertex bend = {.kind = VERTEX_BEND,
                           .column = d->vertices[above].column,
                           .rank = r,
                           .width = BEND_WIDTH};
            ARENA_PUSH(d->arena, d->vertices, d->nvertices, d->vertices_cap, bend);
            e->bends[e->nbends++] = d->nvertices - 1;
            join(l, above, d->nvertices - 1);
            above = d->nvertices - 1;
        }
        join(l, above, below);
    }
}

/* ---- order in the rows ---------------------------------------------------------------------- */

static void number_row(Layers *l, int r) {
    for (int i = 0; i < l->count[r]; i++) l->d->vertices[l->row[r][i]].place = i;
}

static void fill_rows(Layers *l, int column) {
    Drawing *d = l->d;
    memset(l->count, 0, (size_t)l->rows * sizeof *l->count);
    for (int pass = 0; pass < 2; pass++) {
        for (int r = 0; pass && r < l->rows; r++) {
            l->row[r] = ARENA_ARRAY(d->arena, int, (size_t)l->count[r] + 1);
            l->count[r] = 0;
        }
        for (int i = 0; i < d->nvertices; i++) {
            const Vertex *v = &d->vertices[i];
            if (v->column != column) continue;
            if (pass) l->row[v->rank][l->count[v->rank]] = i;
            l->count[v->rank]++;
        }
    }
    for (int r = 0; r < l->rows; r++) number_row(l, r);
}

/* The mean place of v's neighbours in the row above or below; its own without any. */
static double neighbours_place(const Layers *l, int v, int side) {
    const Near *near = &l->near[side][v];
    double sum = 0;
    for (int i = 0; i < near->count; i++) sum += l->d->vertices[near->list[i]].place;
    return near->count ? sum / near->count : l->d->vertices[v].place;
}

static void sort_row(Layers *l, int r, int side) {
    int *row = l->row[r], n = l->count[r];
    double *key = ARENA_ARRAY(l->d->arena, double, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        int v = row[i], k = i;
        double own = neighbours_place(l, v, side);
        for (; k > 0 && key[k - 1] > own; k--) {
            key[k] = key[k - 1];
            row[k] = row[k - 1];
        }
        key[k] = own;
        row[k] = v;
    }
    number_row(l, r);
}

/* Crossings between row r and the next. */
static int64_t crossings(const Layers *l, int r) {
    const Vertex *v = l->d->vertices;
    int64_t sum = 0;
    for (int i = 0; i < l->count[r]; i++) {
        for (int k = i + 1; k < l->count[r]; k++) {
            const Near *a = &l->near[BELOW][l->row[r][i]], *b = &l->near[BELOW][l->row[r][k]];
            for (int x = 0; x < a->count; x++)
                for (int y = 0; y < b->count; y++) sum += v[a->list[x]].place > v[b->list[y]].place;
        }
    }
    return sum;
}

static int64_t all_crossings(const Layers *l) {
    int64_t sum = 0;
    for (int r = 0; r + 1 < l->rows; r++) sum += crossings(l, r);
    return sum;
}

static void copy_rows(const Layers *l, int *const *from, int *const *to) {
    for (int r = 0; r < l->rows; r++) memcpy(to[r], from[r], (size_t)l->count[r] * sizeof **to);
}

/* Sweeps down and up; the best order that was seen stays. */
static void order_rows(Layers *l) {
    enum { SWEEPS = 16 };
    int **best = ARENA_ARRAY(l->d->arena, int *, (size_t)l->rows + 1);
    for (int r = 0; r < l->rows; r++)
        best[r] = ARENA_ARRAY(l->d->arena, int, (size_t)l->count[r] + 1);
    int64_t least = all_crossings(l);
    copy_rows(l, l->row, best);
    for (int sweep = 0; sweep < SWEEPS && least > 0; sweep++) {
        bool down = sweep % 2 == 0;
        for (int i = 1; i < l->rows; i++)
            sort_row(l, down ? i : l->rows - 1 - i, down ? ABOVE : BELOW);
        int64_t now = all_crossings(l);
        if (now >= least) continue;
        least = now;
        copy_rows(l, l->row, best);
    }
    copy_rows(l, best, l->row);
    for (int r = 0; r < l->rows; r++) number_row(l, r);
}

/* ---- places in the rows --------------------------------------------------------------------- */

static bool is_bend(const Layers *l, int v) { return l->d->vertices[v].kind == VERTEX_BEND; }

/* Where v's neighbours want it, and how much: a long edge should be straight. */
static double wanted(const Layers *l, int v, int side, double *weight) {
    enum { STRAIGHT = 6 };
    const Near *near = &l->near[side][v];
    double sum = 0;
    *weight = 0.01;
    if (!near->count) return l->d->vertices[v].x;
    *weight = 0;
    for (int i = 0; i < near->count; i++) {
        double w = is_bend(l, v) && is_bend(l, near->list[i]) ? STRAIGHT : 1;
        sum += w * l->d->vertices[near->list[i]].x;
        *weight += w;
    }
    return sum / *weight;
}

typedef struct {
    double sum, weight; /* of where they want to be */
    int count;
} Block;

/* The least squares of distances to where the row's vertices want to be, with at least their
 * distances between them: neighbours that would meet become a block. */
static void place_row(Layers *l, int r, int side) {
    int *row = l->row[r], n = l->count[r], blocks = 0;
    Vertex *v = l->d->vertices;
    Block *block = ARENA_ARRAY(l->d->arena, Block, (size_t)n + 1);
    double *shift = ARENA_ARRAY(l->d->arena, double, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        double weight, x = wanted(l, row[i], side, &weight);
        if (i) shift[i] = shift[i - 1] + (v[row[i - 1]].width + v[row[i]].width) / 2 + GAP;
        block[blocks++] = (Block){weight * (x - shift[i]), weight, 1};
        while (blocks > 1 && block[blocks - 2].sum * block[blocks - 1].weight >
                                 block[blocks - 1].sum * block[blocks - 2].weight) {
            block[blocks - 2].sum += block[blocks - 1].sum;
            block[blocks - 2].weight += block[blocks - 1].weight;
            block[blocks - 2].count += block[blocks - 1].count;
            blocks--;
        }
    }
    for (int i = 0, b = 0; b < blocks; b++)
        for (int k = 0; k < block[b].count; k++, i++)
            v[row[i]].x = block[b].sum / block[b].weight + shift[i];
}

static void place_rows(Layers *l) {
    enum { SWEEPS = 24 };
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool down = sweep % 2 == 0;
        for (int i = 0; i < l->rows; i++)
            place_row(l, down ? i : l->rows - 1 - i, down ? ABOVE : BELOW);
    }
}

/* ---- the drawing ---------------------------------------------------------------------------- */

/* Moves the column so that it begins at `left`; where it ends. */
static double shift_column(Drawing *d, int column, double left) {
    double least = INFINITY, most = left;
    for (int i = 0; i < d->nvertices; i++)
        if (d->vertices[i].column == column)
            least = fmin(least, d->vertices[i].x - d->vertices[i].width / 2);
    for (int i = 0; i < d->nvertices; i++) {
        Vertex *v = &d->vertices[i];
        if (v->column != column) continue;
        v->x += left - least;
        most = fmax(most, v->x + v->width / 2);
    }
    return most;
}

static void measure(Drawing *d) {
    for (int i = 0; i < d->nvertices; i++) {
        Vertex *v = &d->vertices[i];
        int lines = v->nlayers < MOST_LAYERS ? v->nlayers : MOST_LAYERS;
        v->width = BOX_WIDTH;
        v->height = BOX_PAD * 2 + LINE_HEIGHT * (lines + 1) + STEP_HEIGHT * v->nsteps;
    }
}

static int count_rows(const Drawing *d) {
    int rows = 0;
    for (int i = 0; i < d->nvertices; i++)
        if (d->vertices[i].rank >= rows) rows = d->vertices[i].rank + 1;
    return rows;
}

static void stack_rows(Layers *l) {
    Drawing *d = l->d;
    double *top = ARENA_ARRAY(d->arena, double, (size_t)l->rows + 2), y = MARGIN;
    for (int i = 0; i < d->nvertices; i++)
        top[d->vertices[i].rank] = fmax(top[d->vertices[i].rank], d->vertices[i].height);
    for (int r = 0; r < l->rows; r++) {
        double height = top[r];
        top[r] = y;
        y += height > 0 ? height + ROW_GAP : 0;
        for (int i = 0; i < d->nvertices; i++)
            if (d->vertices[i].kind == VERTEX_BEND && d->vertices[i].rank == r)
                d->vertices[i].height = height;
    }
    for (int i = 0; i < d->nvertices; i++) d->vertices[i].y = top[d->vertices[i].rank];
    d->height = y - ROW_GAP + MARGIN;
}

void lay_out(Drawing *d) {
    Layers l = {.d = d};
    bool columns = false;
    for (int i = 0; i < d->nvertices; i++) columns = columns || d->vertices[i].column == BACKWARD;
    relax(d);
    if (columns) align(d);
    lower_inputs(d);
    measure(d);
    l.rows = count_rows(d);
    add_bends(&l);
    l.row = ARENA_ARRAY(d->arena, int *, (size_t)l.rows + 1);
    l.count = ARENA_ARRAY(d->arena, int, (size_t)l.rows + 1);
    double right = MARGIN;
    for (int column = FORWARD; column <= (columns ? BACKWARD : FORWARD); column++) {
        fill_rows(&l, column);
        order_rows(&l);
        place_rows(&l);
        if (column == BACKWARD) d->middle = right + COLUMN_GAP / 2.0;
        right = shift_column(d, column, column == BACKWARD ? right + COLUMN_GAP : right);
    }
    d->width = right + MARGIN;
    stack_rows(&l);
}
