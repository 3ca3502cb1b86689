/* The reports of lathe bench: a table for people, JSON for machines. */
#include "../support/utf8.h"
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the table ------------------------------------------------------------------------------ */

static void print_side(const Side *s) {
    printf(" %9.3f %9.3f %8.1f %9.1f", 1e3 * s->median, 1e3 * s->worst, s->gflops,
           1e-6 * (double)s->bytes);
}

static double ratio(const Result *r) { return r->interpreted.median / r->generated.median; }

/* A column of milliseconds, empty where there is nothing to time. */
static void print_ms(double seconds) {
    if (seconds > 0)
        printf(" %12.4f", 1e3 * seconds);
    else
        printf(" %12s", "-");
}

static void print_times(double generated, double interpreted, double macs) {
    print_ms(generated);
    print_ms(interpreted);
    if (generated > 0 && interpreted > 0)
        printf(" %7.2fx", interpreted / generated);
    else
        printf(" %8s", "-");
    if (generated > 0 && macs > 0)
        printf(" %8.1f", 2e-9 * macs / generated);
    else
        printf(" %8s", "-");
    if (macs > 0)
        printf(" %14.0f\n", macs);
    else
        printf(" %14s\n", "-");
}

static void print_layers(const Result *r) {
    double generated = 0, interpreted = 0, macs = 0;
    printf("\n%s, batch %d, by layer (-: part of another):\n", r->what, r->n);
    printf("%-30s %-20s %12s %12s %8s %8s %14s\n", "layer", "operation", "generated ms",
           "interpr. ms", "ratio", "GFLOP/s", "multiply-adds");
    for (int i = 0; i < r->nrows; i++) {
        const LayerRow *l = &r->rows[i];
        utf8_print_name(l->layer, 30);
        printf(" %-20s", l->operation ? l->operation : "-");
        print_times(l->generated, l->interpreted, l->macs);
        generated += l->generated;
        interpreted += l->interpreted;
        macs += l->macs;
    }
    printf("%-51s", "sum");
    print_times(generated, interpreted, macs);
    printf("%-51s", "the whole, timed apart");
    print_times(r->generated.median, r->interpreted.median, macs);
}

void print_table(const Report *r) {
    printf("%s on %s, %d threads\ngenerated: %s; interpreted: %s\n\n", r->model, r->processor,
           r->threads, r->compiler, r->blas);
    printf("%-24s %-39s %-39s\n", "", "generated", "interpreted");
    printf("%-24s", "");
    for (int i = 0; i < 2; i++) printf(" %9s %9s %8s %9s", "median ms", "99% ms", "GFLOP/s", "MB");
    printf(" %7s %11s %5s\n", "ratio", "difference", "runs");
    for (int i = 0; i < r->nresults; i++) {
        const Result *x = &r->result[i];
        char label[64];
        snprintf(label, sizeof label, "%s, batch %d", x->what, x->n);
        printf("%-24s", label);
        print_side(&x->generated);
        print_side(&x->interpreted);
        printf(" %6.2fx %11.1e %5d\n", ratio(x), x->difference, x->runs);
    }
    for (int i = 0; i < r->nresults; i++)
        if (r->result[i].rows) print_layers(&r->result[i]);
}

static void print_tail_row(const char *label, const TailRow *r, double unit) {
    printf("%-12s %10.2f %10.2f %10.2f %10.2f\n", label, r->median / unit, r->p99 / unit,
           r->p999 / unit, r->largest / unit);
}

void print_tail(const Report *r) {
    const TailRow *all = &r->tail.row[0], *one = &r->tail.row[1];
    TailRow ratio = {0, all->median / one->median, all->p99 / one->p99, all->p999 / one->p999,
                     all->largest / one->largest};
    char label[32];
    printf("%s on %s\ngenerated: %s\n\n", r->model, r->processor, r->compiler);
    printf("%d calls of one sample on all threads, as many on one, in turn; before each a pause of "
           "up to %.0f us;\nanother thread keeps a core busy\n\n",
           r->tail.calls, 1e6 * r->tail.pause);
    printf("%-12s %10s %10s %10s %10s\n", "", "median us", "99% us", "99.9% us", "largest us");
    snprintf(label, sizeof label, "%d threads", all->threads);
    print_tail_row(label, all, 1e-6);
    print_tail_row("1 thread", one, 1e-6);
    print_tail_row("ratio", &ratio, 1.0);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* What a terminal would obey or hide is escaped; what is no UTF-8 is replaced. */
static void json_character(const char *s, size_t n, uint32_t c) {
    if (n == 0)
        fputs("\\ufffd", stdout);
    else if (c == '"' || c == '\\')
        printf("\\%c", (int)c);
    else if (!utf8_is_hidden(c))
        printf("%.*s", (int)n, s);
    else if (c < 0x10000)
        printf("\\u%04x", (unsigned)c);
    else
        printf("\\u%04x\\u%04x", (unsigned)(0xD7C0 + (c >> 10)), (unsigned)(0xDC00 | (c & 0x3FF)));
}

static void json_string(const char *s) {
    uint32_t c = 0;
    putchar('"');
    for (size_t left = strlen(s), n; left > 0; left -= n ? n : 1, s += n ? n : 1) {
        n = utf8_decode((const unsigned char *)s, left, &c);
        json_character(s, n, c);
    }
    putchar('"');
}

/* JSON has no infinity and no NaN. */
static void json_number(const char *name, double x) {
    if (isfinite(x))
        printf("\"%s\": %.9g", name, x);
    else
        printf("\"%s\": null", name);
}

static void json_side(const char *name, const Side *s) {
    printf("\"%s\": {", name);
    json_number("median_ms", 1e3 * s->median);
    fputs(", ", stdout);
    json_number("p99_ms", 1e3 * s->worst);
    fputs(", ", stdout);
    json_number("gflops", s->gflops);
    printf(", \"bytes\": %zu}, ", s->bytes);
}

static void json_layer(const LayerRow *l) {
    printf("{\"layer\": ");
    json_string(l->layer);
    if (l->operation) printf(", \"operation\": \"%s\"", l->operation);
    fputs(", ", stdout);
    json_number("generated_ms", 1e3 * l->generated);
    fputs(", ", stdout);
    json_number("interpreted_ms", 1e3 * l->interpreted);
    fputs(", ", stdout);
    json_number("sgemm_ms", 1e3 * l->sgemm);
    printf(", \"multiply_adds\": %.0f}", l->macs);
}

static void json_result(const Result *r) {
    printf("{\"what\": \"%s\", \"batch\": %d, \"runs\": %d, ", r->what, r->n, r->runs);
    json_side("generated", &r->generated);
    json_side("interpreted", &r->interpreted);
    json_number("ratio", ratio(r));
    fputs(", ", stdout);
    json_number("difference", r->difference);
    if (r->rows) printf(", \"layers\": [");
    for (int i = 0; r->rows && i < r->nrows; i++) {
        printf("%s\n    ", i ? "," : "");
        json_layer(&r->rows[i]);
    }
    fputs(r->rows ? "]}" : "}", stdout);
}

static void json_text(const char *name, const char *text) {
    printf("\"%s\": ", name);
    json_string(text);
    fputs(", ", stdout);
}

void print_json(const Report *r) {
    putchar('{');
    json_text("model", r->model);
    json_text("processor", r->processor);
    json_text("compiler", r->compiler);
    json_text("blas", r->blas);
    printf("\"threads\": %d, \"results\": [", r->threads);
    for (int i = 0; i < r->nresults; i++) {
        printf("%s\n  ", i ? "," : "");
        json_result(&r->result[i]);
    }
    puts("\n]}");
}

static void json_tail_row(const TailRow *r) {
    printf("\n  {\"threads\": %d, ", r->threads);
    json_number("median_us", 1e6 * r->median);
    fputs(", ", stdout);
    json_number("p99_us", 1e6 * r->p99);
    fputs(", ", stdout);
    json_number("p999_us", 1e6 * r->p999);
    fputs(", ", stdout);
    json_number("largest_us", 1e6 * r->largest);
    putchar('}');
}

void print_tail_json(const Report *r) {
    putchar('{');
    json_text("model", r->model);
    json_text("processor", r->processor);
    json_text("compiler", r->compiler);
    printf("\"calls\": %d, \"rows\": [", r->tail.calls);
    json_tail_row(&r->tail.row[0]);
    putchar(',');
    json_tail_row(&r->tail.row[1]);
    puts("\n]}");
}
