/* Operations on tensors of any rank. */
#include "lower.h"

void lower_arg_reduce(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_top_k(Lower *l, const Node *n) {
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
void lower_lrn(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_lrn_grad(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
