#include "utf8.h"

#include <stdbool.h>

size_t utf8_decode(const unsigned char *p, size_t left, uint32_t *c) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > left) return 0;
    *c = n == 1 ? *p : *p & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (p[i] >> 6 != 2) return 0;
        *c = *c << 6 | (p[i] & 0x3Fu);
    }
    bool surrogate = *c >= 0xD800 && *c < 0xE000;
    return *c < least[n] || *c > 0x10FFFF || surrogate ? 0 : n;
}
