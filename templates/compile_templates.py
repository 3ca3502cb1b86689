#!/usr/bin/env python3
"""Compiles the kernel templates into typed C emitter functions.

    compile_templates.py TEMPLATE_FOLDER OUT.h OUT.c

Every `NAME.toml` describes one kernel and stands beside its text, `NAME.c.in`:

    doc     = "what it computes"
    params  = [["C", "int", "input channels"], ["V", "str", "vector type"], ...]   (int, float, double, str; ints:
              ARRAY_SIZE numbers, X[i] in expressions)
    legal   = ["C > 0", ...]                 C expressions; a violation is an internal error
    macs, bytes = "C expressions"            multiply-adds and bytes moved, of one sample
    fixed   = "C expression"                 bytes moved whatever the number of samples
    groups, rows = "C expressions"           parts: groups * ceil(n / rows); rows 0: groups
    tail    = ["n", "part"]                  what follows the pointer arguments: n, part, step

For each it writes `struct NAMEParams`, `template_NAME` and `info_NAME`. The template text is C in which

    //@ let X = EXPR        names a value
    //@ if EXPR             .. //@ elif EXPR .. //@ else .. //@ end
    //@ for i in EXPR       repeats the lines up to //@ end for i = 0 .. EXPR - 1
    ${EXPR}                 prints an integer expression or a parameter of any type
    //@ ...                 any other text: a comment on the template, not printed

and FN is the name that the emitter gives the function.
"""

import re
import sys
import tomllib
from pathlib import Path

DIRECTIVE = re.compile(r"^\s*//@\s*(let|if|elif|else|end|for)\b\s*(.*)$")
COMMENT = re.compile(r"^\s*//@")
HOLE = re.compile(r"\$\{([^}]*)\}")
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
TAIL = {"n": "r->n", "part": "part", "step": "r->step"}
C_TYPE = {"int": "int64_t", "float": "double", "double": "double", "str": "const char *",
          "ints": "int64_t"}
ARRAY_SIZE = 32


class TemplateError(Exception):
    pass


class Template:
    def __init__(self, path):
        self.name = path.stem
        with open(path, "rb") as f:
            self.spec = tomllib.load(f)
        self.params = {p[0]: p[1] for p in self.spec["params"]}
        self.lines = path.with_suffix(".c.in").read_text().splitlines()
        self.struct = "".join(w.capitalize() for w in self.name.split("_")) + "Params"

    def expression(self, text, names):
        """C text of a template expression: parameters become fields of p."""

        def word(match):
            w = match.group(0)
            if w in names:
                return w
            if w in self.params:
                return "p->" + w
            raise TemplateError(f"{self.name}: unknown name {w!r} in {text!r}")

        return WORD.sub(word, text)

    def print_line(self, line, names, indent):
        """A writer call for one line of C."""
        args = []

        def hole(match):
            text = match.group(1).strip()
            kind = self.params.get(text) if text not in names else "int"
            if kind == "double":
                args.append("double_text(" + self.expression(text, names) + ").text")
                return "\0s"
            args.append(("float_text((float)" + self.expression(text, names) + ").text") if kind == "float"
                        else self.expression(text, names) if kind == "str"
                        else f"(long long)({self.expression(text, names)})")
            return "\0s" if kind in ("float", "str") else "\0d"

        text = HOLE.sub(hole, line)
        text = re.sub(r"\bFN(?![A-Za-z0-9])", "\0f", text)
        order = []
        rest = iter(args)
        for mark in re.findall("\0(.)", text):
            order.append("fn" if mark == "f" else next(rest))
        text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
        text = text.replace("\0d", "%lld").replace("\0s", "%s").replace("\0f", "%s")
        tail = "".join(", " + a for a in order)
        return f'{indent}strbuf_printf(w, "{text}\\n"{tail});'

    def emit_body(self):
        out, stack, names = [], [], []
        for number, line in enumerate(self.lines, 1):
            indent = "    " * (1 + len(stack))
            match = DIRECTIVE.match(line)
            known = {n for scope in names for n in scope} | getattr(self, "lets", set())
            if not match:
                if not COMMENT.match(line):
                    out.append(self.print_line(line, known, indent))
                continue
            word, rest = match.groups()
            try:
                self.directive(word, rest, out, stack, names, known, indent)
            except (TemplateError, IndexError, ValueError) as error:
                raise TemplateError(f"{self.name}.c.in:{number}: {error}") from error
        if stack:
            raise TemplateError(f"{self.name}.c.in: missing //@ end")
        return out

    def directive(self, word, rest, out, stack, names, known, indent):
        outer = indent[4:]
        if word == "let":
            name, expr = (s.strip() for s in rest.split("=", 1))
            out.append(f"{indent}const int64_t {name} = {self.expression(expr, known)};")
            out.append(f"{indent}(void){name};")
            if names:
                names[-1].add(name)
            else:
                self.lets = getattr(self, "lets", set()) | {name}
        elif word == "if":
            out.append(f"{indent}if ({self.expression(rest, known)}) {{")
            stack.append("if")
            names.append(set())
        elif word in ("elif", "else"):
            if stack[-1] != "if":
                raise TemplateError(f"{word} without if")
            names[-1] = set()
            condition = f" if ({self.expression(rest, known)})" if word == "elif" else ""
            out.append(f"{outer}}} else{condition} {{")
        elif word == "for":
            name, expr = (s.strip() for s in rest.split(" in ", 1))
            bound = self.expression(expr, known)
            out.append(f"{indent}for (int64_t {name} = 0; {name} < ({bound}); {name}++) {{")
            stack.append("for")
            names.append({name})
        else:
            stack.pop()
            names.pop()
            out.append(f"{outer}}}")

    def header(self):
        fields = []
        for name, kind, doc in self.spec["params"]:
            star = "" if kind == "str" else " "
            size = f"[{ARRAY_SIZE}]" if kind == "ints" else ""
            fields.append(f"    {C_TYPE[kind]}{star}{name}{size}; /* {doc} */")
        return (f"/* {self.spec['doc']} */\ntypedef struct {{\n" + "\n".join(fields)
                + f"\n}} {self.struct};\n"
                f"void template_{self.name}(StrBuf *w, const {self.struct} *p, const char *fn);\n"
                f"extern const KernelType kernel_{self.name};\n")

    def source(self):
        body = "\n".join(self.emit_body())
        legal = "".join(f"    CHECK({self.expression(e, set())});\n" for e in self.spec.get("legal", []))
        value = {k: self.expression(str(self.spec.get(k, "0")), set())
                 for k in ("macs", "bytes", "fixed", "groups", "rows")}
        tail = ", ".join(TAIL[t] for t in self.spec.get("tail", []))
        return (f"void template_{self.name}(StrBuf *w, const {self.struct} *p, const char *fn) {{\n"
                f"    (void)p;\n    (void)fn;\n{legal}{body}\n}}\n\n"
                f"static KernelInfo info_{self.name}(const void *params) {{\n"
                f"    const {self.struct} *p = params;\n    (void)p;\n"
                f"    return (KernelInfo){{.macs = {value['macs']}, .bytes = {value['bytes']}, .fixed = {value['fixed']},\n"
                f"                        .groups = (int)({value['groups']}), .rows = (int)({value['rows']})}};\n"
                "}\n\n"
                f"static void any_{self.name}(StrBuf *w, const void *p, const char *fn) {{\n"
                f"    template_{self.name}(w, p, fn);\n}}\n\n"
                f"const KernelType kernel_{self.name} = {{\"{self.name}\", \"{tail}\", sizeof({self.struct}),\n"
                f"    any_{self.name}, info_{self.name}}};\n")


HEADER = """/* Written by templates/compile_templates.py. */
#ifndef LATHE_KERNELS_H
#define LATHE_KERNELS_H

#include "support/arena.h"
#include "support/strbuf.h"

#include <stdint.h>

/* Cost of one sample, bytes of a call besides, and how the work divides: groups * ceil(n / rows) parts, or
 * groups if rows is 0. */
typedef struct {
    int64_t macs, bytes, fixed;
    int groups, rows;
} KernelInfo;

/* A template as data: for the code that treats all kernels alike. */
typedef struct {
    const char *name;
    const char *tail; /* the arguments after the pointers, as a step passes them */
    size_t size;      /* of its parameters */
    void (*emit)(StrBuf *w, const void *params, const char *fn);
    KernelInfo (*info)(const void *params);
} KernelType;

"""

SOURCE = """/* Written by templates/compile_templates.py. */
#include "kernels.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    char text[32];
} FloatText;

/* A float constant of C99 that reads back as the same float. */
static inline FloatText float_text(float x) {
    FloatText t;
    snprintf(t.text, sizeof t.text - 3, "%.9g", (double)x);
    strcat(t.text, strpbrk(t.text, ".einf") ? "f" : ".0f");
    return t;
}

/* The same for a double. */
static inline FloatText double_text(double x) {
    FloatText t;
    snprintf(t.text, sizeof t.text - 3, "%.17g", x);
    if (!strpbrk(t.text, ".einf")) strcat(t.text, ".0");
    return t;
}

"""


def text_emitter(path):
    """An emitter for a file without parameters (random.h.in)."""
    name = path.name.split(".")[0]
    calls = "\n".join('    strbuf_puts(w, "' + line.replace("\\", "\\\\").replace('"', '\\"')
                      .replace("static inline", "LATHE_INLINE") + '\\n");'
                      for line in path.read_text().splitlines())
    return (f"void template_{name}(StrBuf *w);\n", f"void template_{name}(StrBuf *w) {{\n{calls}\n}}\n")


def main():
    folder, header, source = (Path(a) for a in sys.argv[1:4])
    templates = [Template(p) for p in sorted(folder.glob("*.toml"))]
    texts = [text_emitter(p) for p in sorted(folder.glob("*.h.in"))]
    header.write_text(HEADER + "\n".join([t.header() for t in templates] + [t[0] for t in texts])
                      + "\n#endif\n")
    source.write_text(SOURCE + "\n".join([t.source() for t in templates] + [t[1] for t in texts]))


if __name__ == "__main__":
    try:
        main()
    except TemplateError as error:
        sys.exit(f"compile_templates.py: {error}")
