/* What lathe and lathe-parse say to each other. lathe sends a JailHello, then requests: a number of
 * this list and what the comment says. An answer is JAIL_ERROR and a text, or JAIL_DATA and what
 * the comment says. */
#ifndef LATHE_JAIL_PROTOCOL_H
#define LATHE_JAIL_PROTOCOL_H

#include "../../runtime/optional/image.h"

#include <stdint.h>

/* Open files of lathe-parse, from its start: the socket, the file to be parsed and the memory that
 * both share, where there are such. */
enum { JAIL_SOCKET = 3, JAIL_FILE, JAIL_SHARED, JAIL_FILES };

typedef struct {
    uint64_t format;       /* of all this */
    uint64_t file, shared; /* sizes in bytes; 0: there is none */
    uint64_t memory;       /* of address space */
    uint64_t seconds;      /* of a processor, in all */
} JailHello;
enum { JAIL_FORMAT = 1 };

typedef enum {
    JAIL_HAS_MEMBER,  /* text: a name; answer: number 0 or 1 */
    JAIL_READ_MEMBER, /* text: a name; answer: number of bytes, pieces */
    JAIL_GUNZIP,      /* answer: pieces */
    JAIL_HDF5,        /* text: a member of the archive, or ""; answer: serve_hdf5.c */
    JAIL_RECORD,      /* number of a record of the HDF5 file, 1 for a double, else 0; the data */
    /* 1 for a graph, 0 for a model; the address of the shared memory. Answer: bytes of it that are
     * used, and where in it the message begins; 0 if something else lies at the address. */
    JAIL_ONNX,
    JAIL_IMAGE, /* a JailImage; answer: height and width, the pixels are in the shared memory */
    JAIL_REQUESTS
} JailRequest;

/* The shared memory begins with the image's file; after so many bytes come the pixels. The texts of
 * errors begin behind the image's name. */
typedef struct {
    uint64_t size;
    int64_t channels, least_height, least_width;
} JailImage;
#define JAIL_IMAGE_PIXELS (UINT64_C(1) << 28)
#define JAIL_IMAGE_SHARED (JAIL_IMAGE_PIXELS + UINT64_C(3) * LATHE_MAX_PIXELS)

enum { JAIL_ERROR, JAIL_DATA };

/* Pieces: bytes as they are unpacked, each after their number; 0 after the last one, or a number
 * above this one where the data turns out to be damaged, with a text. */
enum { JAIL_PIECE = 1 << 18, JAIL_DAMAGED };

enum { JAIL_MOST_ITEMS = 1 << 20, JAIL_MOST_ERROR = 1023 };

#endif
