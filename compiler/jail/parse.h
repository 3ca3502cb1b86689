/* Inside of lathe-parse: what each kind of file has to say. */
#ifndef LATHE_JAIL_PARSE_H
#define LATHE_JAIL_PARSE_H

#include "../../runtime/optional/zip_read.h"
#include "protocol.h"
#include "wire.h"

struct Hdf5Reader;

typedef struct {
    Wire wire;
    JailHello hello;
    Arena *arena;
    void *file;            /* its bytes; NULL where there are none */
    unsigned char *shared; /* for images */
    lathe_zip *zip;
    unsigned char *member; /* of the archive, which hdf5 reads */
    struct Hdf5Reader *hdf5;
} Parse;

/* An answer that is an error, or the beginning of one that is data; false when lathe is gone. */
bool put_error(Parse *p, const char *text);
bool put_data(Parse *p);

/* Each reads its request's text and numbers and answers; false ends the program. */
bool serve_has_member(Parse *p);
bool serve_read_member(Parse *p);
bool serve_gunzip(Parse *p);
bool serve_hdf5(Parse *p);
bool serve_record(Parse *p);
bool serve_onnx(Parse *p);
bool serve_image(Parse *p);

/* Opens the archive that the file is; false with *e set. */
bool open_archive(Parse *p, lathe_error *e);

#endif
