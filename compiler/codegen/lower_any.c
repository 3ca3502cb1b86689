/* Operations on tensors of any rank. */
#include "lower.h"

void lower_unary(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_cast(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_binary(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_select(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_reduce(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_sum_batch(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_arg_reduce(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_top_k(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_transpose(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_slice(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_unslice(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_concat(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_pad_any(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_broadcast(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_gather(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_resample(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_matmul(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_normalize(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_normalize_grad(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_lrn(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_lrn_grad(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_unary_grad(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
