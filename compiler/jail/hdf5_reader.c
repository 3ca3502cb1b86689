/* Walking and reading HDF5 files that are not trusted, with a library that damaged files can crash.
 */
#include "hdf5_reader.h"

#include "../../runtime/files.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OBJECTS = 200000, MAX_GROUPS_DEEP = 40, MAX_TEXTS = 100000, MAX_TEXT = 1 << 28 };

/* ---- attributes ---- */

static void keep_texts(Hdf5Reader *f, const char *group, const char *name, const char **texts,
                       int n) {
    Hdf5Texts t = {.group = group, .name = name, .texts = texts, .ntexts = n};
    ARENA_PUSH(f->arena, f->texts, f->ntexts, f->texts_cap, t);
}

/* Texts of one length each, padded. */
static bool read_fixed(Hdf5Reader *f, hid_t attribute, hid_t type, const char **texts, int n) {
    size_t length = H5Tget_size(type);
    if (length == 0 || length > MAX_TEXT || (size_t)n > MAX_TEXT / length) return false;
    char *bytes = malloc((size_t)n * length);
    bool ok = bytes && H5Aread(attribute, type, bytes) >= 0;
    for (int i = 0; ok && i < n; i++) {
        const char *text = bytes + (size_t)i * length;
        texts[i] = arena_strndup(f->arena, text, strnlen(text, length));
    }
    free(bytes);
    return ok;
}

static bool read_variable(Hdf5Reader *f, hid_t attribute, hid_t type, hid_t space,
                          const char **texts, int n) {
    char **read = calloc((size_t)n, sizeof *read);
    hid_t memory = H5Tcopy(H5T_C_S1);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    bool ok = read && H5Aread(attribute, memory, read) >= 0;
    for (int i = 0; ok && i < n; i++) texts[i] = arena_strdup(f->arena, read[i] ? read[i] : "");
    if (ok) H5Dvlen_reclaim(memory, space, H5P_DEFAULT, read);
    H5Tclose(memory);
    free(read);
    return ok;
}

static bool read_texts(Hdf5Reader *f, hid_t attribute, const char *group, const char *name) {
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    hssize_t n = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    bool ok = type >= 0 && n >= 0 && n <= MAX_TEXTS;
    if (ok && H5Tget_class(type) == H5T_STRING && n > 0) {
        const char **texts = ARENA_ARRAY(f->arena, const char *, (size_t)n);
        ok = H5Tis_variable_str(type) > 0 ? read_variable(f, attribute, type, space, texts, (int)n)
                                          : read_fixed(f, attribute, type, texts, (int)n);
        if (ok) keep_texts(f, group, name, texts, (int)n);
    } else if (ok && n == 0) {
        keep_texts(f, group, name, NULL, 0); /* an empty list has any type */
    }
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    return ok;
}

static bool read_attributes(Hdf5Reader *f, hid_t object, const char *group) {
    H5O_info_t info;
    if (H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS) < 0) return false;
    for (hsize_t i = 0; i < info.num_attrs; i++) {
        char name[256];
        hid_t a =
            H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
        bool ok = a >= 0 && f->objects++ < MAX_OBJECTS && H5Aget_name(a, sizeof name, name) >= 0 &&
                  read_texts(f, a, group, arena_strdup(f->arena, name));
        if (a >= 0) H5Aclose(a);
        if (!ok) {
            diag_error(f->diag, "'%s': an attribute is damaged", group);
            return false;
        }
    }
    return true;
}

/* ---- data sets ---- */

static bool is_outside(hid_t set) {
    hid_t plist = H5Dget_create_plist(set);
    if (plist < 0) return true;
    bool outside = H5Pget_layout(plist) == H5D_VIRTUAL || H5Pget_external_count(plist) != 0;
    H5Pclose(plist);
    return outside;
}

/* Data that nobody wrote, or that compress well, can be any size. */
static bool is_possible(hid_t set, const Hdf5Record *r) {
    uint64_t bytes = sizeof(float);
    bool empty = false;
    for (int i = 0; i < r->rank; i++) empty = empty || r->dim[i] == 0;
    for (int i = 0; i < r->rank && !empty; i++) {
        if (__builtin_mul_overflow(bytes, (uint64_t)r->dim[i], &bytes)) return false;
    }
    return empty || lathe_may_unpack(bytes, H5Dget_storage_size(set));
}

static bool add_record(Hdf5Reader *f, hid_t set, const char *name) {
    Hdf5Record r = {.name = name};
    hsize_t dims[H5S_MAX_RANK];
    hid_t space = H5Dget_space(set);
    int rank = space >= 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    if (space >= 0) H5Sclose(space);
    if (is_outside(set)) {
        diag_error(f->diag,
                   "'%s' is a virtual data set or stored outside of the file: lathe reads "
                   "nothing but the file itself",
                   name);
        return false;
    }
    if (rank < 0 || rank > MAX_RANK) {
        diag_error(f->diag, "'%s': its shape is damaged or has more than %d dimensions", name,
                   MAX_RANK);
        return false;
    }
    r.rank = rank;
    for (int i = 0; i < rank; i++) {
        if (dims[i] > INT64_MAX) {
            diag_error(f->diag, "'%s': its shape is damaged", name);
            return false;
        }
        r.dim[i] = (int64_t)dims[i];
    }
    if (!is_possible(set, &r)) {
        diag_error(f->diag,
                   "'%s': the file does not hold the data of its shape, or packs them to less "
                   "than a hundredth",
                   name);
        return false;
    }
    ARENA_PUSH(f->arena, f->records, f->nrecords, f->records_cap, r);
    return true;
}

/* ---- the tree ---- */

static bool walk_group(Hdf5Reader *f, hid_t group, const char *path);

static bool walk_object(Hdf5Reader *f, hid_t group, const char *name, const char *path) {
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    H5I_type_t type = object >= 0 ? H5Iget_type(object) : H5I_BADID;
    bool ok = false;
    if (type == H5I_GROUP) {
        ARENA_PUSH(f->arena, f->groups, f->ngroups, f->groups_cap, path);
        ok = read_attributes(f, object, path) && walk_group(f, object, path);
    } else if (type == H5I_DATASET) {
        ok = add_record(f, object, path);
    } else if (type == H5I_DATATYPE) {
        ok = true;
    } else {
        diag_error(f->diag, "'%s' is damaged", path);
    }
    if (object >= 0) H5Oclose(object);
    return ok;
}

static bool walk_link(Hdf5Reader *f, hid_t group, hsize_t i, const char *path) {
    char name[1024];
    H5L_info_t info;
    ssize_t n = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                                   H5P_DEFAULT);
    if (n < 0 || n >= (ssize_t)sizeof name || H5Lget_info(group, name, &info, H5P_DEFAULT) < 0) {
        diag_error(f->diag, "group '%s' is damaged", path);
        return false;
    }
    const char *full =
        *path ? arena_printf(f->arena, "%s/%s", path, name) : arena_strdup(f->arena, name);
    if (info.type != H5L_TYPE_HARD) {
        diag_error(f->diag, "'%s' is %s link: lathe follows none, to read nothing but the file",
                   full, info.type == H5L_TYPE_EXTERNAL ? "an external" : "a soft");
        return false;
    }
    return walk_object(f, group, name, full);
}

static bool walk_group(Hdf5Reader *f, hid_t group, const char *path) {
    H5G_info_t info;
    if (H5Gget_info(group, &info) < 0) {
        diag_error(f->diag, "group '%s' is damaged", path);
        return false;
    }
    if (f->depth == MAX_GROUPS_DEEP || info.nlinks > MAX_OBJECTS) {
        diag_error(f->diag, "group '%s' holds too much or is nested too deeply", path);
        return false;
    }
    f->depth++;
    bool ok = true;
    for (hsize_t i = 0; ok && i < info.nlinks; i++) {
        if (f->objects++ == MAX_OBJECTS) {
            diag_error(f->diag, "the file has more than %d objects", MAX_OBJECTS);
            ok = false;
            break;
        }
        ok = walk_link(f, group, i, path);
    }
    f->depth--;
    return ok;
}

static bool read_tree(Hdf5Reader *f) {
    hid_t root = H5Gopen2(f->id, "/", H5P_DEFAULT);
    if (root < 0) {
        diag_error(f->diag, "the file is damaged: it has no root");
        return false;
    }
    bool ok = read_attributes(f, root, "") && walk_group(f, root, "");
    H5Gclose(root);
    return ok;
}

/* ---- opening ---- */

/* The library's own messages go nowhere, and it loads no code for compression. */
static void prepare_library(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
}

/* The library wants an image of its own; it gets the caller's, as often as it asks. */
static void *image_same(size_t size, H5FD_file_image_op_t op, void *image) {
    (void)size, (void)op;
    return image;
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t op,
                        void *image) {
    (void)from, (void)size, (void)op, (void)image;
    return to;
}

static void *image_resize(void *at, size_t size, H5FD_file_image_op_t op, void *image) {
    (void)at, (void)size, (void)op, (void)image;
    return NULL;
}

static herr_t image_keep(void *at, H5FD_file_image_op_t op, void *image) {
    (void)at, (void)op, (void)image;
    return 0;
}

static void *same(void *image) { return image; }
static herr_t keep(void *image) {
    (void)image;
    return 0;
}

static hid_t open_id(void *image, size_t size) {
    H5FD_file_image_callbacks_t calls = {image_same, image_copy, image_resize, image_keep,
                                         same,       keep,       image};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0) return -1;
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_fapl_core(access, (size_t)1 << 16, 0);
    H5Pset_file_image_callbacks(access, &calls);
    bool ok = size > 0 && H5Pset_file_image(access, image, size) >= 0;
    hid_t id = ok ? H5Fopen("/memory", H5F_ACC_RDONLY, access) : -1;
    H5Pclose(access);
    return id;
}

Hdf5Reader *reader_open(Arena *a, void *image, size_t size, Diag *d) {
    prepare_library();
    Hdf5Reader *f = ARENA_NEW(a, Hdf5Reader);
    f->arena = a;
    f->diag = d;
    f->id = open_id(image, size);
    if (f->id < 0) {
        diag_error(d, "it is no HDF5 file, or a damaged one");
        return NULL;
    }
    if (read_tree(f)) return f;
    reader_close(f);
    return NULL;
}

void reader_close(Hdf5Reader *f) {
    if (f && f->id >= 0) H5Fclose(f->id);
}

/* ---- reading ---- */

/* bfloat16, which HDF5 does not have: two opaque bytes. */
static bool read_bf16(hid_t set, hid_t type, size_t count, float *out) {
    uint16_t *half = malloc(count * sizeof *half);
    bool ok = half && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, half) >= 0;
    for (size_t i = 0; ok && i < count; i++) {
        uint32_t bits = (uint32_t)half[i] << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
    free(half);
    return ok;
}

static bool read_as(Hdf5Reader *f, const Hdf5Record *r, size_t count, bool number, void *out,
                    Diag *d) {
    hid_t set = H5Dopen2(f->id, r->name, H5P_DEFAULT);
    hid_t type = set >= 0 ? H5Dget_type(set) : -1;
    H5T_class_t class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    bool ok = false;
    const char *why = "its data are damaged, or compressed by a filter that lathe has not";
    if (class == H5T_FLOAT || class == H5T_INTEGER) {
        ok = H5Dread(set, number ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL,
                     H5P_DEFAULT, out) >= 0;
    } else if (class == H5T_OPAQUE && H5Tget_size(type) == 2 && !number) {
        ok = read_bf16(set, type, count, out);
    } else {
        why = "it holds no numbers";
    }
    if (type >= 0) H5Tclose(type);
    if (set >= 0) H5Dclose(set);
    if (!ok) diag_error(d, "'%s': %s", r->name, why);
    return ok;
}

bool reader_floats(Hdf5Reader *f, const Hdf5Record *r, float *out, Diag *d) {
    size_t count = 1;
    for (int i = 0; i < r->rank; i++) count *= (size_t)r->dim[i];
    return read_as(f, r, count, false, out, d);
}

bool reader_number(Hdf5Reader *f, const Hdf5Record *r, double *out, Diag *d) {
    return read_as(f, r, 1, true, out, d);
}
