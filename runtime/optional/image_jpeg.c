/* JPEG through libjpeg. Its warnings (a truncated file) are errors here. */
#include "image.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

/* Encoders write about ten. */
enum { MAX_SCANS = 64 };

typedef struct {
    struct jpeg_error_mgr base; /* first: libjpeg knows only this */
    jmp_buf escape;
    char text[JMSG_LENGTH_MAX];
} ErrorManager;

static void on_error(j_common_ptr info) {
    ErrorManager *m = (ErrorManager *)info->err;
    info->err->format_message(info, m->text);
    longjmp(m->escape, 1);
}

static void on_message(j_common_ptr info, int level) {
    if (level < 0) on_error(info);
}

/* A scan of a progressive image goes over all of it, however few bytes the scan has. */
static void on_progress(j_common_ptr info) {
    ErrorManager *m = (ErrorManager *)info->err;
    if (((j_decompress_ptr)info)->input_scan_number <= MAX_SCANS) return;
    snprintf(m->text, sizeof m->text, "more than %d scans", MAX_SCANS);
    longjmp(m->escape, 1);
}

/* The largest reduction that leaves so many pixels. */
static unsigned choose_reduction(const struct jpeg_decompress_struct *d, int least_height,
                                 int least_width) {
    unsigned by = 8;
    if (least_height < 1 || least_width < 1) return 1;
    while (by > 1 && (d->image_height / by < (unsigned)least_height ||
                      d->image_width / by < (unsigned)least_width))
        by /= 2;
    return by;
}

/* All between creating and destroying the decoder; libjpeg's errors jump over it. */
static bool decode(struct jpeg_decompress_struct *d, const unsigned char *bytes, size_t size,
                   int channels, int least_height, int least_width, lathe_image *image,
                   lathe_error *e) {
    jpeg_mem_src(d, bytes, (unsigned long)size);
    jpeg_read_header(d, TRUE);
    if (!lathe_image_check((int)d->image_height, (int)d->image_width, e)) return false;
    d->scale_num = 1;
    d->scale_denom = choose_reduction(d, least_height, least_width);
    jpeg_calc_output_dimensions(d);
    if (!lathe_image_alloc(image, (int)d->output_height, (int)d->output_width, channels, e))
        return false;
    d->out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(d);
    while (d->output_scanline < d->output_height) {
        JSAMPROW row =
            image->pixel + (size_t)d->output_scanline * d->output_width * (size_t)channels;
        jpeg_read_scanlines(d, &row, 1);
    }
    jpeg_finish_decompress(d);
    return true;
}

bool lathe_jpeg_decode(const char *path, const unsigned char *bytes, size_t size, int channels,
                       int least_height, int least_width, lathe_image *image, lathe_error *e) {
    struct jpeg_decompress_struct d;
    struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
    ErrorManager manager;
    lathe_error why;
    volatile bool ok = false;
    d.err = jpeg_std_error(&manager.base);
    manager.base.error_exit = on_error;
    manager.base.emit_message = on_message;
    jpeg_create_decompress(&d);
    d.progress = &progress;
    if (setjmp(manager.escape) == 0) {
        ok = decode(&d, bytes, size, channels, least_height, least_width, image, &why);
        if (!ok) lathe_fail(e, "%s: %.400s", path, why.text);
    } else {
        lathe_fail(e, "%s: damaged JPEG image: %s", path, manager.text);
    }
    jpeg_destroy_decompress(&d);
    return ok;
}
