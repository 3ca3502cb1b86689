/* Images, decoded by lathe-parse: one of it for each thread that decodes at the same time, which
 * decodes many. */
#ifndef LATHE_JAIL_IMAGES_H
#define LATHE_JAIL_IMAGES_H

#include "../../runtime/optional/image.h"

lathe_image_decoder jail_image_decode;

#endif
