/* What lathe-parse may answer when the file has taken it over. The first byte chooses what lathe
 * asks for, the next two are the length of all answers together, and the rest is what the shared
 * memory holds. Every lathe-parse that lathe starts answers the same. */
#include "../../compiler/frontend/hdf5_file.h"
#include "../../compiler/frontend/onnx/onnx.h"
#include "../../compiler/jail/images.h"
#include "fuzz_model.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { FILE_BYTES = 1 << 10, MOST_UNPACKED = 1 << 20, MOST_FLOATS = 1 << 16, MOST_READ = 8 };

static const uint8_t *answers, *shared;
static size_t answers_size, shared_size;
static int other_end = -1;

Jail *__wrap_jail_start(const JailFiles *files, lathe_error *e);
void __wrap_jail_close(Jail *j);

/* In the place of jail.c's, by the linker's --wrap. The clock 0 is the time of the day, so that
 * images.c takes each for an old one, which it does not keep. */
Jail *__wrap_jail_start(const JailFiles *files, lathe_error *e) {
    int ends[2];
    Jail *j = calloc(1, sizeof *j);
    (void)e;
    CHECK(j && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    j->file_size = files->file_size;
    j->wire.fd = ends[0];
    other_end = ends[1];
    CHECK(send(other_end, answers, answers_size, MSG_DONTWAIT) == (ssize_t)answers_size);
    CHECK(shutdown(other_end, SHUT_WR) == 0);
    if (files->shared >= 0)
        CHECK(pwrite(files->shared, shared, shared_size, 0) == (ssize_t)shared_size);
    return j;
}

void __wrap_jail_close(Jail *j) {
    if (!j) return;
    close(j->wire.fd);
    close(other_end);
    free(j);
}

static Jail *start(void) {
    lathe_error e;
    return __wrap_jail_start(&(JailFiles){-1, -1, FILE_BYTES, 0}, &e);
}

static void read_record(Hdf5File *f, const Hdf5Record *r, Diag *d) {
    double number;
    int64_t count = 1;
    for (int k = 0; k < r->rank; k++)
        if (__builtin_mul_overflow(count, r->dim[k], &count) || count > MOST_FLOATS) return;
    float *out = malloc((size_t)count * sizeof *out + 1);
    CHECK(out);
    if (!hdf5_read(f, r, out, d)) CHECK(d->errors);
    if (!hdf5_read_number(f, r, &number, d)) CHECK(d->errors);
    free(out);
}

static void ask_hdf5(Arena *a) {
    Diag d;
    const Hdf5Record *r;
    Jail *j = start();
    diag_init(&d, a, "fuzz.h5", NULL);
    Hdf5File *f = hdf5_open_in(a, j, "member", &d);
    int n = f ? hdf5_records(f, &r) : 0;
    CHECK(f || d.errors);
    for (int i = 0; i < n && i < MOST_READ; i++) read_record(f, &r[i], &d);
    if (f) hdf5_close(f);
    __wrap_jail_close(j);
}

static void check_bytes(bool ok, unsigned char *bytes, size_t size, const lathe_error *e) {
    CHECK(ok ? bytes || !size : e->text[0] && !bytes);
    free(bytes);
}

static void ask_member(Arena *a) {
    unsigned char *bytes;
    size_t size = 0;
    bool has;
    lathe_error e = {""};
    Jail *j = start();
    (void)a;
    CHECK(jail_has_member(j, "member", &has, &e) || e.text[0]);
    bool ok = jail_read_member(j, "member", &bytes, &size, &e);
    check_bytes(ok, bytes, size, &e);
    __wrap_jail_close(j);
}

static void ask_gunzip(Arena *a) {
    unsigned char *bytes;
    size_t size;
    lathe_error e = {""};
    Jail *j = start();
    (void)a;
    bool ok = jail_gunzip(j, MOST_UNPACKED, &bytes, &size, &e);
    check_bytes(ok, bytes, size, &e);
    CHECK(!ok || size <= MOST_UNPACKED);
    __wrap_jail_close(j);
}

static void ask_image(Arena *a) {
    static const unsigned char file[] = "image";
    lathe_image image;
    lathe_error e = {""};
    (void)a;
    bool ok = jail_image_decode("a.png", file, sizeof file, 3, 0, 0, &image, &e);
    CHECK(ok ? image.pixel && image.channels == 3 : e.text[0] && !image.pixel);
    lathe_image_free(&image);
}

static void ask_onnx(Arena *a) {
    Diag d;
    int file = memfd_create("fuzz", 0);
    CHECK(file >= 0);
    diag_init(&d, a, "/nonexistent/fuzz.onnx", NULL);
    check_model(onnx_load(a, "/nonexistent/fuzz.onnx", file, 0, NULL, &d), &d);
    close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const ask[])(Arena *) = {ask_hdf5, ask_member, ask_gunzip, ask_image, ask_onnx};
    if (size < 3) return 0;
    Arena *a = arena_new();
    answers_size = (size_t)data[1] | (size_t)data[2] << 8;
    if (answers_size > size - 3) answers_size = size - 3;
    answers = data + 3;
    shared = answers + answers_size;
    shared_size = size - 3 - answers_size;
    ask[data[0] % (sizeof ask / sizeof *ask)](a);
    arena_free(a);
    return 0;
}
