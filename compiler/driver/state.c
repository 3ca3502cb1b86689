/* Parameters of a module and the same tensors in the state of its compiled model. */
#include "driver.h"

void import_params(const Module *m, const lathe_model *model, void *state) {
    for (int i = 0; i < model->tensors; i++) {
        int p = module_find_param(m, model->tensor[i].name);
        if (p >= 0 && m->params[p].data) model->import_tensor(state, i, m->params[p].data);
    }
}

void export_params(Module *m, const lathe_model *model, const void *state) {
    for (int i = 0; i < model->tensors; i++) {
        int p = module_find_param(m, model->tensor[i].name);
        CHECK(p >= 0);
        m->params[p].data = ARENA_ARRAY(m->arena, float, (size_t)model->tensor[i].count);
        model->export_tensor(state, i, m->params[p].data);
    }
}
