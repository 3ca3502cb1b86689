/* Downloads of published files, verified by checksum. */
#ifndef LATHE_DRIVER_DOWNLOAD_H
#define LATHE_DRIVER_DOWNLOAD_H

#include "../../runtime/error.h"

/* Downloads `url` to `path` and checks its checksum (32 hexadecimal digits: MD5; 64: SHA-256).
 * What arrives goes to PATH.part, from whose end an interrupted download goes on; PATH appears only
 * when it is complete and right. A file that is already there and right is left alone. Progress
 * goes to stderr. */
bool download(const char *url, const char *sum, const char *path, lathe_error *e);

#endif
