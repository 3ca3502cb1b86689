/* Operations on tensors of any rank. */
#include "lower.h"

void lower_lrn(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
void lower_lrn_grad(Lower *l, const Node *n) {
    (void)l;
    PANIC("no lowering yet for %s", n->name);
}
