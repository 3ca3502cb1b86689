/* history.csv. */
#include "history.h"

#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char title[] = "epoch,loss,accuracy,val_loss,val_accuracy,seconds,ms_per_step\n";
enum { ROW_BYTES = 256, MAX_HISTORY = 1 << 26 };

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
static size_t rows_length(const char *text, int epochs) {
    if (strncmp(text, title, sizeof title - 1) != 0) return 0;
    const char *p = text + sizeof title - 1;
    for (int i = 1; i <= epochs; i++) {
        char *end;
        if (strtol(p, &end, 10) != i || *end != ',' || !(p = strchr(end, '\n'))) return 0;
        p++;
    }
    return (size_t)(p - text);
}

bool lathe_history_open(lathe_history *h, const char *path, int epochs, lathe_error *e) {
    *h = (lathe_history){0};
    if (epochs == 0)
        return append(h, title, sizeof title - 1) || lathe_fail(e, "%s: out of memory", path);
    unsigned char *bytes;
    size_t size;
    if (!lathe_read_file(path, MAX_HISTORY, &bytes, &size, e)) return false;
    bytes[size] = '\0'; /* lathe_read_file leaves room for it */
    size_t n = rows_length((char *)bytes, epochs);
    if (n == 0)
        lathe_fail(e, "%s: does not have the rows of the checkpoint's %d epochs", path, epochs);
    else if (!append(h, (char *)bytes, n))
        n = lathe_fail(e, "%s: out of memory", path);
    free(bytes);
    return n > 0;
}

bool lathe_history_add(lathe_history *h, const char *path, const lathe_epoch *row, lathe_error *e) {
    char text[ROW_BYTES], accuracy[32] = "", val_loss[32] = "", val_accuracy[32] = "";
    if (row->has_accuracy) snprintf(accuracy, sizeof accuracy, "%.6g", row->accuracy);
    if (row->has_validation) snprintf(val_loss, sizeof val_loss, "%.6g", row->val_loss);
    if (row->has_validation && row->has_accuracy)
        snprintf(val_accuracy, sizeof val_accuracy, "%.6g", row->val_accuracy);
    int n = snprintf(text, sizeof text, "%d,%.6g,%s,%s,%s,%.3f,%.4f\n", row->number, row->loss,
                     accuracy, val_loss, val_accuracy, row->seconds, row->ms_per_step);
    if (!append(h, text, (size_t)n)) return lathe_fail(e, "%s: out of memory", path);
    return lathe_write_file(path, h->text, h->length, e);
}

void lathe_history_close(lathe_history *h) {
    free(h->text);
    *h = (lathe_history){0};
}
