/* Finds built-in networks by name. */
#include "zoo.h"

#include "../support/diag.h"
#include "zoo_scripts.h" /* made by zoo_to_c.py */

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* The next character that counts, in lower case; '\0' at the end. */
static int next_letter(const char **p) {
    while (**p == '-' || **p == '_') (*p)++;
    return **p ? tolower((unsigned char)*(*p)++) : '\0';
}

static bool same_name(const char *a, const char *b) {
    for (;;) {
        int x = next_letter(&a), y = next_letter(&b);
        if (x != y) return false;
        if (x == '\0') return true;
    }
}

const ZooMember *zoo_find(const char *name) {
    for (const ZooMember *m = zoo_members; m->name; m++) {
        if (same_name(m->name, name)) return m;
    }
    return NULL;
}

const char *zoo_preprocessing(const ZooMember *m) {
    static const struct {
        const char *start, *end, *mode;
    } rules[] = {{"vgg", "", "caffe"},    {"resnet", "v2", "tf"},     {"resnet", "", "caffe"},
                 {"inception", "", "tf"}, {"xception", "", "tf"},     {"mobilenetv3", "", "0,1"},
                 {"mobilenet", "", "tf"}, {"nasnet", "", "tf"},       {"densenet", "", "torch"},
                 {"convnext", "", "0,1"}, {"efficientnet", "", "0,1"}};
    size_t n = strlen(m->name);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        size_t end = strlen(rules[i].end);
        if (!strncmp(m->name, rules[i].start, strlen(rules[i].start)) && end <= n &&
            !strcmp(m->name + n - end, rules[i].end))
            return rules[i].mode;
    }
    PANIC("no preprocessing for %s", m->name);
}

const char **zoo_names(Arena *a) {
    size_t n = sizeof zoo_members / sizeof *zoo_members;
    const char **names = ARENA_ARRAY(a, const char *, n);
    for (size_t i = 0; i < n; i++) names[i] = zoo_members[i].name;
    return names;
}

char *zoo_source(Arena *a, const ZooMember *m, size_t *length) {
    *length = 0;
    for (int i = 0; m->lines[i]; i++) *length += strlen(m->lines[i]) + 1;
    char *text = arena_alloc(a, *length + 1, 1), *at = text;
    for (int i = 0; m->lines[i]; i++) {
        size_t n = strlen(m->lines[i]);
        memcpy(at, m->lines[i], n);
        at[n] = '\n';
        at += n + 1;
    }
    *at = '\0';
    return text;
}
