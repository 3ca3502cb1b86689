/* Unit tests of the lexer and the parser. */
#include "../../compiler/frontend/parser.h"
#include "../../compiler/support/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The kinds of all tokens, a letter each. */
static const char *kinds(Arena *a, const char *source) {
    static const char letters[] = {
        [TOK_END] = '$',     [TOK_NEWLINE] = 'n', [TOK_INDENT] = '>', [TOK_DEDENT] = '<',
        [TOK_NAME] = 'a',    [TOK_INT] = 'i',     [TOK_FLOAT] = 'f',  [TOK_STRING] = 's',
        [TOK_FSTRING] = 't', [TOK_OPERATOR] = 'o'};
    Diag d;
    diag_init(&d, a, "t.py", source);
    TokenList l = lex_file(a, source, strlen(source), &d);
    char *out = arena_alloc(a, (size_t)l.count + 2, 1);
    for (int i = 0; i < l.count; i++) out[i] = letters[l.items[i].kind];
    if (d.errors) out[l.count] = '!';
    return out;
}

static void tokens_have_their_kinds(void **state) {
    (void)state;
    static const struct {
        const char *source, *kinds;
    } rows[] = {
        {"", "$"},
        {"x", "an$"},
        {"x = 1\n", "aoin$"},
        {"# comment\n\n  # another\nx\n", "an$"},
        {"if x:\n  y\nz", "aaon>an<an$"},
        {"if x:\n\ty\n\n\n    \n", "aaon>an<$"},
        {"f(\n  1,\n  2)\n", "aoioion$"},
        {"x = \\\n 1\n", "aoin$"},
        {"1.5 1e3 .5 0x1F 1_0 1.", "fffiifn$"},
        {"'a' \"b\" r'\\\\' '''c\nd''' f'{x}' Rb'x'", "sssstsn$"},
        {"a**b//c!=d->e:=f...", "aoaoaoaoaoaon$"},
        {"x\r\ny\r\n", "anan$"},
        {"\xEF\xBB\xBFx", "an$"},
        {"(", "on$!"},
        {"?", "$!"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *a = arena_new();
        const char *got = kinds(a, rows[i].source);
        assert_string_equal(got, rows[i].kinds);
        arena_free(a);
    }
}

static const Token *first_token(Arena *a, const char *source, Diag *d) {
    diag_init(d, a, "t.py", source);
    return lex_file(a, source, strlen(source), d).items;
}

static void numbers_are_read(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diag d;
    assert_int_equal(first_token(a, "0x1F", &d)->integer, 31);
    assert_int_equal(first_token(a, "1_000", &d)->integer, 1000);
    assert_int_equal(first_token(a, "0b101", &d)->integer, 5);
    assert_int_equal(first_token(a, "9223372036854775807", &d)->integer, INT64_MAX);
    assert_true(first_token(a, "1e-3", &d)->real == 1e-3);
    assert_true(first_token(a, ".5", &d)->real == 0.5);
    assert_int_equal(first_token(a, "1.", &d)->kind, TOK_FLOAT);
    static const char *const bad[] = {"9223372036854775808", "12abc", "0x", "0b2", "1.2.3", "1e"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        first_token(a, bad[i], &d);
        assert_int_equal(d.errors, 1);
    }
    arena_free(a);
}

static void strings_are_decoded(void **state) {
    (void)state;
    static const struct {
        const char *source, *text;
    } rows[] = {
        {"'a\\n\\t\\\\\\'b'", "a\n\t\\'b"},
        {"\"\\x41\\u00e9\"", "A\xC3\xA9"},
        {"'\\101'", "A"},
        {"'\\q'", "\\q"},
        {"r'\\n'", "\\n"},
        {"'''a\n'b'\n'''", "a\n'b'\n"},
        {"'a\\\nb'", "ab"},
        {"'\\U0001F600'", "\xF0\x9F\x98\x80"},
    };
    Arena *a = arena_new();
    Diag d;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const Token *t = first_token(a, rows[i].source, &d);
        assert_int_equal(t->kind, TOK_STRING);
        assert_string_equal(t->text, rows[i].text);
    }
    static const char *const bad[] = {"'\\x4'", "'\\ud800'", "'\\U00110000'",
                                      "'a",     "'''a''",    "'a\n'"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        first_token(a, bad[i], &d);
        assert_int_equal(d.errors, 1);
    }
    arena_free(a);
}

static void places_count_from_one(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, "t.py", "");
    const char *source = "if x:\n    foo(\n  12)\n";
    TokenList l = lex_file(a, source, strlen(source), &d);
    const Token *foo = &l.items[5], *twelve = &l.items[7];
    assert_string_equal(foo->text, "foo");
    assert_int_equal(foo->loc.line, 2);
    assert_int_equal(foo->loc.column, 5);
    assert_int_equal(twelve->integer, 12);
    assert_int_equal(twelve->loc.line, 3);
    assert_int_equal(twelve->loc.column, 3);
    arena_free(a);
}

/* An expression with brackets around every operation. */
static void write_expr(const Expr *e, StrBuf *out) {
    switch (e->kind) {
    case EXPR_INT: strbuf_printf(out, "%lld", (long long)e->integer); break;
    case EXPR_NAME: strbuf_puts(out, e->text); break;
    case EXPR_UNARY:
        strbuf_printf(out, "(%s ", e->text);
        write_expr(e->a, out);
        strbuf_puts(out, ")");
        break;
    case EXPR_CONDITIONAL:
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_BINARY:
        strbuf_puts(out, "(");
        write_expr(e->a, out);
        strbuf_printf(out, " %s ",
                      e->kind == EXPR_AND  ? "and"
                      : e->kind == EXPR_OR ? "or"
                                           : e->text);
        write_expr(e->b, out);
        if (e->c) strbuf_puts(out, " ");
        if (e->c) write_expr(e->c, out);
        strbuf_puts(out, ")");
        break;
    case EXPR_ATTRIBUTE:
        write_expr(e->a, out);
        strbuf_printf(out, ".%s", e->text);
        break;
    case EXPR_CALL:
        write_expr(e->a, out);
        strbuf_printf(out, "<%d>", e->nargs);
        break;
    case EXPR_COMPARE:
    case EXPR_TUPLE:
    case EXPR_LIST:
        strbuf_puts(out, e->kind == EXPR_LIST ? "[" : "(");
        for (int i = 0; i < e->list.count; i++) {
            if (i) strbuf_puts(out, e->kind == EXPR_COMPARE ? e->ops[i - 1] : ",");
            write_expr(e->list.items[i], out);
        }
        strbuf_puts(out, e->kind == EXPR_LIST ? "]" : ")");
        break;
    default: strbuf_printf(out, "<kind %d>", (int)e->kind); break;
    }
}

static void operators_bind_as_in_python(void **state) {
    (void)state;
    static const struct {
        const char *source, *tree;
    } rows[] = {
        {"1 + 2 * 3", "(1 + (2 * 3))"},
        {"1 - 2 - 3", "((1 - 2) - 3)"},
        {"2 ** 3 ** 2", "(2 ** (3 ** 2))"},
        {"-2 ** 2", "(- (2 ** 2))"},
        {"2 ** -1", "(2 ** (- 1))"},
        {"not a == b", "(not (a==b))"},
        {"a or b and not c", "(a or (b and (not c)))"},
        {"a < b <= c", "(a<b<=c)"},
        {"1 << 2 + 3 & 4 | 5 ^ 6", "(((1 << (2 + 3)) & 4) | (5 ^ 6))"},
        {"a.b(c)(d, e=1).f", "a.b<1><2>.f"},
        {"(1)", "1"},
        {"(1,)", "(1)"},
        {"()", "()"},
        {"1, 2", "(1,2)"},
        {"[1, (2, 3),]", "[1,(2,3)]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *a = arena_new();
        Diag d;
        StrBuf out = {0};
        diag_init(&d, a, "t.py", rows[i].source);
        Block b = parse_script(a, rows[i].source, strlen(rows[i].source), &d);
        assert_int_equal(d.errors, 0);
        assert_int_equal(b.count, 1);
        write_expr(b.items[0]->value, &out);
        assert_string_equal(out.text, rows[i].tree);
        strbuf_free(&out);
        arena_free(a);
    }
}

/* Everything that Python scripts around a model contain must at least parse. */
static void python_is_accepted(void **state) {
    (void)state;
    static const char *const sources[] = {
        "x: int = 3; y = z = 4;\n",
        "def f(a, b: int = 2, *args, c=3, **kw) -> int:\n    return a\n",
        "def f(a, /, *, b): pass\n",
        "@decorator(1)\ndef f(): pass\n",
        "@a.b\nclass C(D, metaclass=E):\n    x = 1\n    def f(self): return self\n",
        "async def f():\n    async with a as b: await c\n    async for d in e: yield d\n",
        "with open('a') as f, open('b') as g:\n    pass\n",
        "try:\n    x\nexcept (A, B) as e:\n    raise\nelse:\n    y\nfinally:\n    z\n",
        "while x: break\nelse: y\n",
        "a, *b = c\n(d, e), f[0] = g\n",
        "x = [i for i in y if i if not z]\nw = {k: v for k, v in y}\nv = {a for a in b}\n",
        "f(*args, **kw)\nf(x for x in y)\n",
        "g = lambda: 0\nh = lambda x, *y, z=1, **w: x + z\n",
        "x[1:2, ..., None, ::3]\nx[:]\nx[-1]\n",
        "x = y if z else w\nx @= y\nx //= 2\nx >>= 1\n",
        "from . import a\nfrom ..b import (c as d, e,)\nimport f.g as h, i\n",
        "global x\nnonlocal y\ndel x, y[0]\nassert x, 'text'\nraise E from None\n",
        "if (n := 3) > 2: pass\n",
        "x = 'a' \"b\" f'{c!r:>{width}}' rb'd'\n",
        "print(f\"{d['k']} {x:.2f} {{}} {y!s}\")\n",
        "return_value = 1 if not a in b else 2\n",
    };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        Arena *a = arena_new();
        Diag d;
        diag_init(&d, a, "t.py", sources[i]);
        parse_script(a, sources[i], strlen(sources[i]), &d);
        if (d.errors) diag_print(&d, stderr);
        assert_int_equal(d.errors, 0);
        arena_free(a);
    }
}

/* What a terminal would obey or hide is spelled out, and the caret stands where it should. */
static void diagnostics_control_no_terminal(void **state) {
    (void)state;
    const char *source = "\t\x1b[2J \u00e9\u202e\xff x\n";
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, "t\x7f.py", source);
    diag_add(&d, DIAG_ERROR, (SrcLoc){1, 14}, "'a\rb\u2066' is \u00e9\nhint\x1b");
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    diag_print(&d, out);
    fclose(out);
    assert_string_equal(text, "t[U+007F].py:1:14: error: 'a[U+000D]b[U+2066]' is \u00e9\n"
                              "    1 | \t[U+001B][2J \u00e9[U+202E][0xFF] x\n"
                              "      | \t                            ^\n"
                              "  hint[U+001B]\n");
    free(text);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_have_their_kinds),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(places_count_from_one),
        cmocka_unit_test(operators_bind_as_in_python),
        cmocka_unit_test(python_is_accepted),
        cmocka_unit_test(diagnostics_control_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
