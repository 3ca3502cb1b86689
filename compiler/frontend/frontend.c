/* Finds the model description that the user named: a file, or a built-in network. */
#include "frontend.h"

#include "../../runtime/files.h"
#include "keras_files.h"
#include "onnx/onnx.h"
#include "zoo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BYTES = 4 << 20 };

static bool has_ending(const char *path, const char *ending) {
    size_t n = strlen(path), k = strlen(ending);
    return n > k && strcmp(path + n - k, ending) == 0;
}

/* Formats that people will try; scripts may have any other name. */
static const char *other_format(const char *path) {
    static const char *const endings[] = {".safetensors", ".weights", ".npz", ".pt", ".pth"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (has_ending(path, endings[i])) return endings[i];
    }
    return NULL;
}

typedef Module *Loader(Arena *a, const char *path, Diag *d);

/* The first bytes of a file, as many as there are. */
static size_t read_start(const char *path, unsigned char start[8]) {
    FILE *f = lathe_file_exists(path) ? fopen(path, "rb") : NULL;
    size_t n = f ? fread(start, 1, 8, f) : 0;
    if (f) fclose(f);
    return n;
}

bool is_zip_file(const char *path) {
    unsigned char start[8];
    return read_start(path, start) >= 4 && memcmp(start, "PK\3\4", 4) == 0;
}

bool is_hdf5_file(const char *path) {
    unsigned char start[8];
    return hdf5_is_image(start, read_start(path, start));
}

bool is_keras_file(const char *path) {
    return is_zip_file(path) || is_hdf5_file(path) || has_ending(path, ".keras") ||
           has_ending(path, ".h5") || has_ending(path, ".hdf5");
}

/* What reads the file: by how it begins, else by its ending. NULL for scripts. */
static Loader *find_loader(const char *path) {
    if (is_hdf5_file(path)) return keras_h5_load;
    if (is_zip_file(path) || has_ending(path, ".keras")) return keras_archive_load;
    if (has_ending(path, ".h5") || has_ending(path, ".hdf5")) return keras_h5_load;
    if (has_ending(path, ".json")) return keras_json_load;
    return NULL;
}

/* The whole file, at most MAX_BYTES; NULL and an error in d if it cannot be read. */
static char *read_file(Arena *a, const char *path, size_t *length, Diag *d) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        diag_error(d, "cannot open the file: %s", strerror(errno));
        return NULL;
    }
    char *text = arena_alloc(a, MAX_BYTES + 2, 1);
    *length = fread(text, 1, MAX_BYTES + 1, f);
    if (ferror(f)) {
        diag_error(d, "cannot read the file: %s", strerror(errno));
        text = NULL;
    } else if (*length > MAX_BYTES) {
        diag_error(d, "the file is too large for a script (more than %d bytes)", MAX_BYTES);
        text = NULL;
    }
    fclose(f);
    return text;
}

/* A built-in network is a function of its script. */
static Module *load_built_in(Arena *a, const ZooMember *m, Diag *d) {
    size_t length;
    char *text = zoo_source(a, m, &length);
    Module *out = keras_script_load(a, m->file, text, length, m->name, d);
    if (out) {
        out->name = m->name;
        out->imagenet_mode = zoo_preprocessing(m);
    }
    return out;
}

/* A name without '/' and '.' that is no file is meant to be a built-in network. */
static void unknown_name(Arena *a, const char *name, Diag *d) {
    const char **names = zoo_names(a), *near = diag_nearest(name, names);
    StrBuf list = {0};
    for (int i = 0; names[i]; i++)
        strbuf_printf(&list, "%s%s", i == 0 ? "" : i % 6 ? ", " : ",\n  ", names[i]);
    diag_error(d, "there is no such file, and no built-in network of this name%s%s%s\nbuilt in: %s",
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
               arena_strdup(a, list.text));
    strbuf_free(&list);
}

Module *load_model(Arena *a, const char *path, const char *variable, Diag *d) {
    size_t length = 0;
    const char *other = other_format(path);
    Loader *loader = find_loader(path);
    diag_init(d, a, path, NULL);
    if (access(path, F_OK) != 0) {
        const ZooMember *m = zoo_find(path);
        if (m) return load_built_in(a, m, d);
        if (!strpbrk(path, "/.")) {
            unknown_name(a, path, d);
            return NULL;
        }
    }
    if (access(path, F_OK) == 0 && !lathe_file_exists(path)) {
        diag_error(d, "cannot read it: not a regular file");
        return NULL;
    }
    if (has_ending(path, ".onnx")) return onnx_load_file(a, path, NULL, d);
    if (access(path, R_OK) == 0 && loader) return loader(a, path, d);
    if (other) {
        diag_error(d,
                   "%s files are no models that lathe reads\n"
                   "accepted: a Keras script (.py), .keras, .h5, .json, .onnx",
                   other);
        return NULL;
    }
    char *text = read_file(a, path, &length, d);
    return text ? keras_script_load(a, path, text, length, variable, d) : NULL;
}
