/* What passes share: editing a function's node list, constants, and the log. */
#ifndef LATHE_PASSES_REWRITE_H
#define LATHE_PASSES_REWRITE_H

#include "passes.h"

/* One line in the log: what the pass changed. */
__attribute__((format(printf, 2, 3))) void pass_log(PassContext *c, const char *fmt, ...);

/* Runs `rewrite` on those of the functions (a NULL-terminated list) that the module has. */
bool for_functions(PassContext *c, const char *const *names,
                   bool (*rewrite)(PassContext *c, Function *f));
extern const char *const inference_functions[]; /* predict, eval */
extern const char *const made_functions[];      /* predict, eval, train_step */

int node_index(const Function *f, const Node *n);
/* A new node at position `at`. NULL and an error in c->diag if it does not fit. */
Node *insert_node(PassContext *c, Function *f, int at, OpKind op, const char *name,
                  Value *const *inputs, int nin, const Attrs *attr, SrcLoc loc);
void remove_node(Function *f, int index);
/* The node that is the only user of v; NULL if there are more uses, or v is an output. */
Node *only_user(const Function *f, const Value *v);
/* `producer`, whose result only `consumer` uses, takes over the consumer's result (and with it its
 * name and type); the consumer is removed. */
void absorb_user(PassContext *c, Function *f, Node *producer, Node *consumer);
/* n computes what `gone`, which is about to be removed, did. */
void note_fused(PassContext *c, Node *n, const Node *gone);

/* The data of the parameter that v is, or NULL. */
const float *constant_data(const Module *m, const Value *v);
/* A new PARAM_CONST with this data (of the module's arena) that enters f. Its name is made unique.
 */
Value *add_constant(PassContext *c, Function *f, const char *name, Shape shape, float *data);
bool is_trainable(const Module *m, const Value *v);
/* Takes the dropout nodes out of f, as inference wants. */
void drop_dropout(PassContext *c, Function *f);
/* Adds labels, loss and (if the metric asks) accuracy to a copy of forward; they become its
 * outputs. */
bool add_loss(PassContext *c, Function *f);
/* regularize.c: adds the sum of the penalties of all regularized parameters of f, if there are any,
 * as a scalar output. */
bool add_penalties(PassContext *c, Function *f);
/* The gradient of parameter p with that of its penalty; g itself if there is none. */
Value *regularized_gradient(PassContext *c, Function *f, Value *p, Value *g);
/* clip.c: replaces the n gradients by what the optimizer's clipping leaves of them. */
bool clip_gradients(PassContext *c, Function *f, Value **gradient, int n);
/* Draws the initial value of parameter `index`: the bits of the generated NAME_init. */
void draw_param(const Module *m, int index, uint64_t seed, float *out);

/* paranoid.c: the observable results of all functions on seeded random input. */
typedef struct Snapshot Snapshot;
Snapshot *snapshot_take(Module *m, bool train, Diag *d);
/* False if a result that both have differs: `what` names it. */
bool snapshot_equal(const Snapshot *before, const Snapshot *after, const char **what);

/* The passes, by the names in pipeline.c. */
bool pass_make_predict(PassContext *c);
bool pass_remove_dropout(PassContext *c);
bool pass_recognize_lrn(PassContext *c);
bool pass_fold_constants(PassContext *c);
bool pass_fold_batch_norm(PassContext *c);
bool pass_batch_norm_to_scale_shift(PassContext *c);
bool pass_merge_padding(PassContext *c);
bool pass_cancel_transposes(PassContext *c);
bool pass_fuse_activations(PassContext *c);
bool pass_fuse_residual(PassContext *c);
bool pass_fuse_gradient_sums(PassContext *c);
bool pass_fuse_pooling(PassContext *c);
bool pass_dead_code(PassContext *c);
bool pass_make_eval(PassContext *c);
bool pass_make_train(PassContext *c);
bool pass_autodiff(PassContext *c);
bool pass_fuse_softmax_loss(PassContext *c);
bool pass_optimizer(PassContext *c);
bool pass_make_init(PassContext *c);

#endif
