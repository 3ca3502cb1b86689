/* Writing HDF5 files: no dates, so that equal input gives equal bytes. */
#include "hdf5_write.h"

#include <stdlib.h>

Hdf5Writer hdf5_create(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    Hdf5Writer w = {.file = -1};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, (size_t)1 << 20, 0);
    w.file = H5Fcreate("memory", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    w.failed = w.file < 0;
    return w;
}

static void check(Hdf5Writer *w, hid_t result) {
    if (result < 0) w->failed = true;
}

/* Makes the groups above, and keeps no times. */
static hid_t link_properties(void) {
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    return links;
}

void hdf5_put_group(Hdf5Writer *w, const char *path) {
    if (w->failed) return;
    hid_t links = link_properties();
    hid_t group = H5Gcreate2(w->file, path, links, H5P_DEFAULT, H5P_DEFAULT);
    check(w, group);
    if (group >= 0) H5Gclose(group);
    H5Pclose(links);
}

static void put(Hdf5Writer *w, const char *path, int rank, const hsize_t *dims, hid_t stored,
                hid_t memory, const void *data) {
    if (w->failed) return;
    hid_t links = link_properties(), how = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    H5Pset_obj_track_times(how, 0);
    hid_t set = H5Dcreate2(w->file, path, stored, space, links, how, H5P_DEFAULT);
    check(w, set);
    if (set >= 0) {
        check(w, H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data));
        H5Dclose(set);
    }
    H5Sclose(space);
    H5Pclose(how);
    H5Pclose(links);
}

void hdf5_put_floats(Hdf5Writer *w, const char *path, const Shape *shape, const float *data) {
    hsize_t dims[MAX_RANK];
    for (int i = 0; i < shape->rank; i++) dims[i] = (hsize_t)shape->dim[i];
    put(w, path, shape->rank, dims, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, data);
}

void hdf5_put_integer(Hdf5Writer *w, const char *path, int64_t value) {
    put(w, path, 0, NULL, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

static void put_attribute(Hdf5Writer *w, const char *group, const char *name, hid_t space,
                          const void *texts, bool empty) {
    if (w->failed) return;
    hid_t type = H5Tcopy(H5T_C_S1), object = H5Oopen(w->file, group, H5P_DEFAULT);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    check(w, a);
    if (a >= 0) {
        if (!empty) check(w, H5Awrite(a, type, texts));
        H5Aclose(a);
    }
    if (object >= 0) H5Oclose(object);
    H5Tclose(type);
}

void hdf5_put_text(Hdf5Writer *w, const char *group, const char *name, const char *text) {
    hid_t space = H5Screate(H5S_SCALAR);
    put_attribute(w, group, name, space, &text, false);
    H5Sclose(space);
}

void hdf5_put_texts(Hdf5Writer *w, const char *group, const char *name, const char *const *texts,
                    int n) {
    hsize_t count = (hsize_t)n;
    hid_t space = H5Screate_simple(1, &count, NULL);
    put_attribute(w, group, name, space, texts, n == 0);
    H5Sclose(space);
}

unsigned char *hdf5_finish(Hdf5Writer *w, size_t *size) {
    unsigned char *bytes = NULL;
    if (!w->failed) check(w, H5Fflush(w->file, H5F_SCOPE_GLOBAL));
    ssize_t n = w->failed ? -1 : H5Fget_file_image(w->file, NULL, 0);
    if (n > 0) bytes = malloc((size_t)n);
    if (bytes && H5Fget_file_image(w->file, bytes, (size_t)n) != n) {
        free(bytes);
        bytes = NULL;
    }
    if (w->file >= 0) H5Fclose(w->file);
    *size = n > 0 ? (size_t)n : 0;
    return bytes;
}
