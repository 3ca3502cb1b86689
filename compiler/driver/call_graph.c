/* The file has a line for each function and each call:
 *     node: { title: "m.c:m_softmax" label: "m_softmax\nm.c:1045:13\n16 bytes (static)" }
 *     edge: { sourcename: "m.c:m_softmax" targetname: "memset" label: "m.c:367:39" }
 * A static function's title has the file's name and a colon in front. A call by a pointer goes to
 * __indirect_call: in generated code to NAME_part or to a step's body. */
#include "call_graph.h"

#include "../../runtime/files.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 30 };

static const char by_pointer[] = "__indirect_call", bodies[] = "the bodies of steps";

typedef struct {
    const char *title;
    int64_t frame, worst; /* bytes: its own, and with all that it calls */
    enum { FRESH, ACTIVE, DONE } state;
} Node;

typedef struct {
    const char *from, *to;
} Call;

typedef struct {
    Arena *arena;
    Node *nodes;
    Call *calls;
    int nnodes, nodes_cap, ncalls, calls_cap;
} Graph;

/* ---- reading -------------------------------------------------------------------------------- */

static void add_node(Graph *g, const char *title, int64_t frame) {
    Node n = {.title = title, .frame = frame};
    ARENA_PUSH(g->arena, g->nodes, g->nnodes, g->nodes_cap, n);
}

static void add_call(Graph *g, const char *from, const char *to) {
    Call c = {from, to};
    ARENA_PUSH(g->arena, g->calls, g->ncalls, g->calls_cap, c);
}

/* What stands between `key` and the next quote; NULL if there is no such thing. */
static const char *quoted(Arena *a, const char *line, const char *key) {
    const char *at = strstr(line, key);
    if (!at) return NULL;
    at += strlen(key);
    return arena_strndup(a, at, strcspn(at, "\""));
}

static int64_t frame_of(const char *line) {
    const char *at = strstr(line, " bytes (");
    if (!at) return 0;
    while (at > line && at[-1] >= '0' && at[-1] <= '9') at--;
    return strtoll(at, NULL, 10);
}

static const char *function_of(const char *title) {
    const char *colon = strchr(title, ':');
    return colon ? colon + 1 : title;
}

/* NAME_predict_3_c3 or NAME_bytes_1_step. */
static bool is_body(const char *title, const char *name) {
    static const char *const kinds[] = {"_predict_", "_bytes_"};
    const char *rest = function_of(title);
    if (strncmp(rest, name, strlen(name)) != 0) return false;
    rest += strlen(name);
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(kinds[i]);
        if (!strncmp(rest, kinds[i], n) && strspn(rest + n, "0123456789")) return true;
    }
    return false;
}

static void read_node(Graph *g, const char *line, const char *title, const char *name,
                      const char *part) {
    add_node(g, title, frame_of(line));
    if (is_body(title, name)) add_call(g, bodies, title);
    if (!strcmp(function_of(title), part)) add_call(g, by_pointer, title);
}

static void read_graph(Graph *g, const char *text, const char *name) {
    const char *part = arena_printf(g->arena, "%s_part", name);
    add_node(g, bodies, 0);
    add_call(g, by_pointer, bodies);
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at != 0) {
        const char *line = arena_strndup(g->arena, at, strcspn(at, "\n"));
        const char *title = quoted(g->arena, line, "node: { title: \"");
        const char *from = quoted(g->arena, line, "edge: { sourcename: \"");
        const char *to = quoted(g->arena, line, "targetname: \"");
        if (title) read_node(g, line, title, name, part);
        if (from && to) add_call(g, from, strcmp(function_of(from), part) == 0 ? bodies : to);
    }
}

/* ---- the worst chain ------------------------------------------------------------------------ */

static Node *find_node(Graph *g, const char *title) {
    for (int i = 0; i < g->nnodes; i++)
        if (!strcmp(g->nodes[i].title, title)) return &g->nodes[i];
    return NULL;
}

/* False for a function that calls itself: generated code has none. */
static bool find_worst(Graph *g, Node *n) {
    if (n->state != FRESH) return n->state == DONE;
    n->state = ACTIVE;
    int64_t deepest = 0;
    for (int i = 0; i < g->ncalls; i++) {
        if (strcmp(g->calls[i].from, n->title) != 0) continue;
        Node *to = find_node(g, g->calls[i].to);
        if (!to || !find_worst(g, to)) return false;
        if (to->worst > deepest) deepest = to->worst;
    }
    n->worst = n->frame + deepest;
    n->state = DONE;
    return true;
}

bool worst_stack(Arena *a, const char *path, const char *name, int64_t *bytes) {
    Graph g = {.arena = a};
    unsigned char *text;
    size_t size;
    lathe_error e;
    if (!lathe_read_file(path, MAX_FILE, &text, &size, &e)) return false;
    read_graph(&g, arena_strndup(a, (const char *)text, size), name);
    free(text);
    *bytes = 0;
    for (int i = 0; i < g.nnodes; i++) {
        if (!find_worst(&g, &g.nodes[i])) return false;
        if (g.nodes[i].worst > *bytes) *bytes = g.nodes[i].worst;
    }
    return *bytes > 0;
}
