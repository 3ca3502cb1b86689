/* Kernels of the operations on tensors of any rank. Included by kernels.c. */

static void run_unary(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_cast(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_binary(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_select(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_reduce(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_sum_batch(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_arg_reduce(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_top_k(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_transpose(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_slice(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_unslice(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_concat(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_pad_any(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_broadcast(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_gather(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_resample(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_matmul(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_normalize(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_normalize_grad(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_lrn(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_lrn_grad(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
static void run_unary_grad(const Call *c) { PANIC("no kernel yet for %s", c->node->name); }
