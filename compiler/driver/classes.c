/* Names of classes, and the likeliest of a prediction. */
#include "../../runtime/files.h"
#include "../support/decimal.h"
#include "../support/utf8.h"
#include "imagenet_classes.h"
#include "predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGENET_CLASSES = 1000, NUMBER_LENGTH = 9, MAX_CLASS_FILE = 1 << 24 };

/* A line of imagenet_classes is "n02129165 lion". */
static const char *imagenet_name(int64_t i) { return imagenet_classes[i] + NUMBER_LENGTH + 1; }

static void use_imagenet(Module *m) {
    m->classes = ARENA_ARRAY(m->arena, const char *, IMAGENET_CLASSES);
    m->nclasses = IMAGENET_CLASSES;
    for (int i = 0; i < IMAGENET_CLASSES; i++) m->classes[i] = imagenet_name(i);
}

bool classes_are_imagenet(const Module *m) {
    return m->nclasses == IMAGENET_CLASSES && m->classes[0] == imagenet_name(0);
}

static bool read_classes(Module *m, const char *path) {
    lathe_error e;
    unsigned char *bytes;
    size_t size;
    if (!lathe_read_file(path, MAX_CLASS_FILE, &bytes, &size, &e))
        return user_error("%s", e.text), false;
    const char *text = arena_strndup(m->arena, (const char *)bytes, size);
    free(bytes);
    set_classes(m, text);
    return true;
}

static int64_t output_numbers(const Module *m) {
    const Shape *out = &module_function(m, "forward")->outputs[0]->type.shape;
    return out->dim[out->rank - 1];
}

bool open_classes(Module *m, const Options *o) {
    const char *name = o->text[OPTION_CLASSES];
    if (!name) {
        if (m->imagenet_mode && !m->nclasses && output_numbers(m) == IMAGENET_CLASSES)
            use_imagenet(m);
        return true;
    }
    if (!strcmp(name, "imagenet"))
        use_imagenet(m);
    else if (!read_classes(m, name))
        return false;
    int64_t classes = output_numbers(m);
    if (classes == m->nclasses) return true;
    user_error("--classes %s has %d names, the model's output %lld numbers", name, m->nclasses,
               (long long)classes);
    return false;
}

const char *class_name(const PredictJob *j, int64_t index) {
    if (index < j->module->nclasses) return j->module->classes[index];
    return arena_printf(j->module->arena, "class %lld", (long long)index);
}

int64_t largest(const float *p, int64_t n) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (p[i] > p[best]) best = i;
    return best;
}

void to_probabilities(const PredictJob *j, float *row, int64_t n) {
    const OutputTraining *train = j->module->train.outputs;
    if (!train || !train->from_logits || train->loss != LOSS_CROSSENTROPY) return;
    float max = row[largest(row, n)], sum = 0.0f;
    for (int64_t i = 0; i < n; i++) sum += row[i] = expf(row[i] - max);
    for (int64_t i = 0; i < n; i++) row[i] /= sum;
}

/* ('n02129165', 'lion', 0.98157) */
static void print_decoded(int64_t class, float p) {
    char text[32];
    decimal_text(p, text);
    const char *whole = strpbrk(text, ".en") ? "" : ".0"; /* as Python prints a float */
    printf("('%.*s', '%s', %s%s)", NUMBER_LENGTH, imagenet_classes[class], imagenet_name(class),
           text, whole);
}

void print_classes(const PredictJob *j, float *row, int count) {
    int64_t n = j->native.model->output[0].count;
    bool decoded = n == IMAGENET_CLASSES && classes_are_imagenet(j->module);
    if (decoded) printf("[[");
    for (int k = 0; k < count && k < n; k++) {
        int64_t best = largest(row, n);
        if (k) printf(", ");
        if (decoded) {
            print_decoded(best, row[best]);
        } else {
            utf8_print_name(class_name(j, best), 0);
            printf(" %.4f", (double)row[best]);
        }
        row[best] = -INFINITY;
    }
    printf("%s\n", decoded ? "]]" : "");
}
