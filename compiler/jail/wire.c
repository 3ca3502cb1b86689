#include "wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool wire_put(const Wire *w, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = send(w->fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

bool wire_get(Wire *w, void *bytes, size_t size) {
    char *at = bytes;
    while (size > 0) {
        if (w->wait && !w->wait(w)) return false;
        ssize_t n = recv(w->fd, at, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

bool wire_put_number(const Wire *w, int64_t v) { return wire_put(w, &v, sizeof v); }

bool wire_get_number(Wire *w, int64_t most, int64_t *v) {
    return wire_get(w, v, sizeof *v) && *v >= 0 && *v <= most;
}

bool wire_put_text(const Wire *w, const char *text) {
    size_t n = strlen(text);
    return n <= WIRE_MOST_TEXT && wire_put_number(w, (int64_t)n) && wire_put(w, text, n);
}

const char *wire_get_text(Wire *w, int64_t most, Arena *a) {
    int64_t n;
    if (!wire_get_number(w, most, &n)) return NULL;
    char *text = arena_alloc(a, (size_t)n + 1, 1);
    return wire_get(w, text, (size_t)n) ? text : NULL;
}
