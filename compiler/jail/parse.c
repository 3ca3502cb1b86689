/* lathe-parse: the program in which libraries parse files that nobody trusts. lathe starts it with
 * the file already open, and no one else does: it has no arguments. It locks itself in before it
 * looks at the file. */
#include "parse.h"

#include "lock.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool put_error(Parse *p, const char *text) {
    size_t n = strlen(text);
    if (n > JAIL_MOST_ERROR) n = JAIL_MOST_ERROR;
    return wire_put_number(&p->wire, JAIL_ERROR) && wire_put_number(&p->wire, (int64_t)n) &&
           wire_put(&p->wire, text, n);
}

bool put_data(Parse *p) { return wire_put_number(&p->wire, JAIL_DATA); }

/* Changes to the bytes, which HDF5's library might make, stay here. */
static bool map_file(Parse *p) {
    if (p->hello.file == 0) return true;
    p->file = mmap(NULL, (size_t)p->hello.file, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                   JAIL_FILE, 0);
    return p->file != MAP_FAILED;
}

static bool serve(Parse *p) {
    static bool (*const serves[JAIL_REQUESTS])(Parse *) = {
        [JAIL_HAS_MEMBER] = serve_has_member, [JAIL_READ_MEMBER] = serve_read_member,
        [JAIL_GUNZIP] = serve_gunzip,         [JAIL_HDF5] = serve_hdf5,
        [JAIL_RECORD] = serve_record,         [JAIL_ONNX] = serve_onnx,
        [JAIL_IMAGE] = serve_image,
    };
    int64_t request;
    return wire_get_number(&p->wire, JAIL_REQUESTS - 1, &request) && serves[request](p);
}

/* Locks up, and finds the file; NULL, or why it cannot. */
static const char *prepare(Parse *p) {
    if (p->hello.format != JAIL_FORMAT) return "lathe and lathe-parse are of different versions";
    if (!lock_process(p->hello.memory, p->hello.seconds))
        return "the system does not let lathe-parse lock itself in; lathe parses such files only "
               "so";
    return map_file(p) ? NULL : "the file cannot be mapped into memory";
}

int main(void) {
    Parse p = {.wire = {.fd = JAIL_SOCKET}};
    char rest;
    closefrom(JAIL_FILES);
    if (!wire_get(&p.wire, &p.hello, sizeof p.hello)) return 1;
    p.arena = arena_new();
    const char *why = prepare(&p);
    while (!why && serve(&p)) continue;
    if (why) put_error(&p, why);
    /* an answer is lost if its reader's request is left unread */
    while (why && wire_get(&p.wire, &rest, 1)) continue;
    _exit(0);
}
