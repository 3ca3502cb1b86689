/* Physical layout of values' rows and of parameters. */
#include "algorithm.h"
#include "plan.h"
#include "variant.h"

#include <string.h>

int64_t pitch_of(int64_t channels) {
    int64_t panel = panel_of(channels);
    return (channels + panel - 1) / panel * panel;
}

int panel_of(int64_t channels) { return channels > 8 ? 16 : channels > 4 ? 8 : 4; }

int64_t packed_index(const ParamLayout *p, int64_t row, int64_t column) {
    return (column / p->panel * p->rows + row) * p->panel + column % p->panel;
}

/* Operations whose operands are rows: they read a parameter wherever its columns lie side by side.
 */
static bool reads_rows(const Node *n, int index) {
    switch (n->op) {
    case OP_BINARY:
    case OP_SELECT:
    case OP_BROADCAST:
    case OP_GATHER:
    case OP_RESAMPLE:
    case OP_SGD:
    case OP_ADAM:
    case OP_RMSPROP:
    case OP_INITIALIZE: return true;
    case OP_MATMUL:
        return n->in[0]->param == index || n->attr.transposed[1] || n->in[1]->type.shape.rank > 2;
    default: return false;
    }
}

/* Whether no operation that reads a parameter, or the owner of a slot, wants panels. */
static bool is_dense(const Module *m, int index) {
    for (int i = 0; i < m->nfunctions; i++) {
        const Function *f = m->functions[i];
        for (int k = 0; k < f->nnodes; k++) {
            const Node *n = f->nodes[k];
            for (int j = 0; j < n->nin; j++)
                if (n->in[j]->param == index && !reads_rows(n, index)) return false;
        }
    }
    return true;
}

/* Whether the node reads operand number `at` as a kernel. */
static bool is_kernel(const Node *n, int at) {
    switch (n->op) {
    case OP_CONV2D:
    case OP_CONV2D_GRAD_INPUT:
    case OP_DENSE:
    case OP_MATMUL: return at == 1;
    default: return false;
    }
}

/* Whether predict reads the parameter as a kernel and as nothing else. */
static bool is_only_kernel(const Module *m, int index) {
    const Function *f = module_function(m, "predict");
    bool kernel = false;
    for (int i = 0; i < f->nnodes; i++) {
        const Node *n = f->nodes[i];
        for (int j = 0; j < n->nin; j++) {
            if (n->in[j]->param != index) continue;
            if (!is_kernel(n, j)) return false;
            kernel = true;
        }
    }
    return kernel;
}

/* The rows of Winograd's tiles that all convolutions of predict that read the parameter have. */
static int common_winograd(const Module *m, const CodegenOptions *o, int index) {
    const Function *f = module_function(m, "predict");
    int found = 0;
    for (int i = 0; i < f->nnodes; i++) {
        const Node *n = f->nodes[i];
        for (int j = 0; j < n->nin; j++) {
            if (n->in[j]->param != index) continue;
            int tile = j == 1 ? variant_winograd(choose_conv(o, n)) : 0;
            if (!tile || (found && found != tile)) return 0;
            found = tile;
        }
    }
    return found;
}

/* A kernel of r x s as so many products take it. */
static void transform(ParamLayout *l, int tile, const int64_t kernel[2]) {
    int64_t r = kernel[0], side = tile + r - 1;
    l->winograd = tile;
    l->kernel = (int)r;
    l->floats = l->floats / (r * kernel[1]) * side * (has_vertical_tiles(r) ? kernel[1] : side);
}

static ParamLayout pack(const Module *m, int index) {
    const Param *p = &m->params[index];
    int owner = p->role == PARAM_SLOT ? p->owner : index;
    const Shape *s = &p->type.shape;
    ParamLayout l = {.rows = 1, .columns = 1, .at = -1, .grad_at = -1};
    if (s->rank > 0) l.columns = s->dim[s->rank - 1];
    for (int i = 0; i + 1 < s->rank; i++) l.rows *= s->dim[i];
    l.panel = l.rows > 1 && is_dense(m, owner) ? (int)pitch_of(l.columns) : panel_of(l.columns);
    int64_t panels = (l.columns + l.panel - 1) / l.panel;
    l.floats = whole_lines(panels * l.panel * l.rows);
    return l;
}

/* The tables of resample stand in the code, not among the weights. */
static bool reads_stored(const Node *n, int index) {
    for (int i = 0; i < n->nin; i++)
        if (n->in[i]->param == index && (n->op != OP_RESAMPLE || i == 0)) return true;
    return false;
}

static bool is_table(const Module *m, int index) {
    bool table = false;
    for (int i = 0; i < m->nfunctions; i++) {
        const Function *f = m->functions[i];
        for (int k = 0; k < f->nnodes; k++) {
            if (reads_stored(f->nodes[k], index)) return false;
            table = table || f->nodes[k]->op == OP_RESAMPLE;
        }
    }
    return table && m->params[index].role == PARAM_CONST;
}

static bool is_used(const Module *m, int index) {
    for (int i = 0; i < m->nfunctions; i++) {
        const Function *f = m->functions[i];
        if (!strcmp(f->name, "forward")) continue;
        for (int k = 0; k < f->nparams; k++)
            if (f->params[k]->param == index) return !is_table(m, index);
    }
    return false;
}

static void place(ParamTable *t, int index) {
    ParamLayout *l = &t->param[index];
    l->at = t->floats;
    t->floats += l->half ? whole_lines(l->floats / 2) : l->floats;
}

/* Whether the training step gives the parameter a new value by its gradient: a trainable one that
 * no loss depends on stays out of the optimizer's sweep. */
static bool is_trained(const Module *m, int index) {
    const Function *f = module_function(m, "train_step");
    if (m->params[index].role != PARAM_WEIGHT || !m->params[index].trainable) return false;
    for (int i = 0; i < f->naliases; i++)
        if (f->aliases[i].in->param == index) return true;
    return false;
}

/* Slot number k of an owner is the k-th PARAM_SLOT with that owner. */
static int slot_number(const Module *m, int index) {
    int number = 0;
    for (int i = 0; i < index; i++)
        if (m->params[i].role == PARAM_SLOT && m->params[i].owner == m->params[index].owner)
            number++;
    return number;
}

/* In a state the trainable weights come first, in one run, then runs of the same shape for each
 * kind of slot: so one sweep of the optimizer over flat arrays updates everything. */
static void place_state(ParamTable *t, const Module *m) {
    for (int i = 0; i < m->nparams; i++) {
        if (!is_trained(m, i)) continue;
        t->param[i].grad_at = t->floats;
        place(t, i);
    }
    t->trained = t->floats;
    int slots = 0;
    for (int i = 0; i < m->nparams; i++) {
        if (m->params[i].role != PARAM_SLOT) continue;
        int number = slot_number(m, i);
        if (number + 1 > slots) slots = number + 1;
        t->param[i].at = (int64_t)(number + 1) * t->trained + t->param[m->params[i].owner].at;
    }
    t->floats += slots * t->trained;
    for (int i = 0; i < m->nparams; i++)
        if (t->param[i].at < 0 && m->params[i].role != PARAM_SLOT && !is_table(m, i)) place(t, i);
}

ParamTable *layout_params(Module *m, const CodegenOptions *o) {
    ParamTable *t = ARENA_NEW(m->arena, ParamTable);
    t->param = ARENA_ARRAY(m->arena, ParamLayout, (size_t)m->nparams);
    for (int i = 0; i < m->nparams; i++) t->param[i] = pack(m, i);
    if (o->train) {
        place_state(t, m);
    } else {
        for (int i = 0; i < m->nparams; i++) {
            t->param[i].half = o->weights_type != WEIGHTS_F32 && is_only_kernel(m, i);
            int tile = common_winograd(m, o, i);
            if (tile) transform(&t->param[i], tile, m->params[i].type.shape.dim);
            if (is_used(m, i)) place(t, i);
        }
    }
    return t;
}
