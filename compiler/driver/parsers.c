#include "parsers.h"

#include "../../runtime/optional/parsers.h"
#include "../jail/images.h"
#include "../jail/jail.h"

static void *archive_open(const char *path, lathe_error *e) { return jail_open(path, e); }

static bool archive_has(void *archive, const char *name, bool *has, lathe_error *e) {
    return jail_has_member(archive, name, has, e);
}

static bool archive_read(void *archive, const char *name, unsigned char **bytes, size_t *size,
                         lathe_error *e) {
    return jail_read_member(archive, name, bytes, size, e);
}

static void archive_close(void *archive) { jail_close(archive); }

static bool gunzip(const char *path, size_t most, unsigned char **bytes, size_t *size,
                   lathe_error *e) {
    Jail *j = jail_open(path, e);
    bool ok = j && jail_gunzip(j, most, bytes, size, e);
    jail_close(j);
    return ok;
}

static const lathe_parsers jailed = {archive_open, archive_has, archive_read, archive_close,
                                     gunzip};

void use_jailed_parsers(void) {
    lathe_parsers_used = &jailed;
    lathe_image_decode = jail_image_decode;
}
