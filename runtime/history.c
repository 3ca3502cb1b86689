/* history.csv. */
#include "history.h"

#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_BYTES = 256, TITLE_BYTES = 16384, NAME_BYTES = 200, MAX_HISTORY = 1 << 26 };

/* The output's name without what would end a cell. */
static void cell_name(const lathe_model *m, int loss, char out[NAME_BYTES]) {
    snprintf(out, NAME_BYTES, "%s", m->output[m->loss[loss].output].name);
    for (char *p = out; *p; p++)
        if (*p == ',' || *p == '"' || (unsigned char)*p < ' ') *p = '_';
}

/* The first line; each of several losses has its columns behind the others. */
static void write_title(const lathe_model *m, char title[TITLE_BYTES]) {
    char name[NAME_BYTES];
    size_t n = (size_t)snprintf(title, TITLE_BYTES,
                                "epoch,loss,accuracy,val_loss,val_accuracy,seconds,ms_per_step");
    for (int i = 0; m && i < m->losses; i++) {
        cell_name(m, i, name);
        n += (size_t)snprintf(title + n, TITLE_BYTES - n,
                              ",%s_loss,%s_accuracy,val_%s_loss,val_%s_accuracy", name, name, name,
                              name);
    }
    snprintf(title + n, TITLE_BYTES - n, "\n");
}

static bool append(lathe_history *h, const char *text, size_t n) {
    char *p = realloc(h->text, h->length + n + 1);
    if (!p) return false;
    memcpy(p + h->length, text, n);
    h->text = p;
    h->length += n;
    p[h->length] = '\0';
    return true;
}

/* How many bytes the title and the rows 1 to `epochs` take; 0 if they are not all there. */
static size_t rows_length(const char *text, const char *title, int epochs) {
    if (strncmp(text, title, strlen(title)) != 0) return 0;
    const char *p = text + strlen(title);
    for (int i = 1; i <= epochs; i++) {
        char *end;
        if (strtol(p, &end, 10) != i || *end != ',' || !(p = strchr(end, '\n'))) return 0;
        p++;
    }
    return (size_t)(p - text);
}

bool lathe_history_open(lathe_history *h, const lathe_model *m, const char *path, int epochs,
                        lathe_error *e) {
    char title[TITLE_BYTES];
    *h = (lathe_history){.model = m->losses > 1 ? m : NULL};
    write_title(h->model, title);
    if (epochs == 0)
        return append(h, title, strlen(title)) || lathe_fail(e, "%s: out of memory", path);
    unsigned char *bytes;
    size_t size;
    if (!lathe_read_file(path, MAX_HISTORY, &bytes, &size, e)) return false;
    bytes[size] = '\0'; /* lathe_read_file leaves room for it */
    size_t n = rows_length((char *)bytes, title, epochs);
    if (n == 0)
        lathe_fail(e, "%s: does not have the rows of the checkpoint's %d epochs", path, epochs);
    else if (!append(h, (char *)bytes, n))
        n = lathe_fail(e, "%s: out of memory", path);
    free(bytes);
    return n > 0;
}

static bool append_value(lathe_history *h, bool known, double v) {
    char text[40];
    int n = snprintf(text, sizeof text, known ? ",%.6g" : ",", v);
    return append(h, text, (size_t)n);
}

static bool append_each(lathe_history *h, const lathe_epoch *row) {
    bool ok = true;
    for (int i = 0; h->model && i < h->model->losses; i++) {
        bool accuracy = h->model->loss[i].has_accuracy, val = row->has_validation;
        ok = ok && append_value(h, true, row->each_loss[i]) &&
             append_value(h, accuracy, row->each_accuracy[i]) &&
             append_value(h, val, row->val_each_loss[i]) &&
             append_value(h, val && accuracy, row->val_each_accuracy[i]);
    }
    return ok && append(h, "\n", 1);
}

bool lathe_history_add(lathe_history *h, const char *path, const lathe_epoch *row, lathe_error *e) {
    char text[ROW_BYTES], accuracy[32] = "", val_loss[32] = "", val_accuracy[32] = "";
    if (row->has_accuracy) snprintf(accuracy, sizeof accuracy, "%.6g", row->accuracy);
    if (row->has_validation) snprintf(val_loss, sizeof val_loss, "%.6g", row->val_loss);
    if (row->has_validation && row->has_accuracy)
        snprintf(val_accuracy, sizeof val_accuracy, "%.6g", row->val_accuracy);
    int n = snprintf(text, sizeof text, "%d,%.6g,%s,%s,%s,%.3f,%.4f", row->number, row->loss,
                     accuracy, val_loss, val_accuracy, row->seconds, row->ms_per_step);
    if (!append(h, text, (size_t)n) || !append_each(h, row))
        return lathe_fail(e, "%s: out of memory", path);
    return lathe_write_file(path, h->text, h->length, e);
}

void lathe_history_close(lathe_history *h) {
    free(h->text);
    *h = (lathe_history){0};
}
