#include "utf8.h"

#include <string.h>

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

bool utf8_is_hidden(uint32_t c) {
    static const uint32_t range[][2] = {
        {0, 0x1F},        {0x7F, 0x9F},     {0xAD, 0xAD},      {0x61C, 0x61C},   {0x180E, 0x180E},
        {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},  {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF},
        {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE0FFF}};
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (c >= range[i][0] && c <= range[i][1]) return true;
    return false;
}

size_t utf8_shown(const char *text, size_t left, char shown[UTF8_SHOWN]) {
    uint32_t c;
    size_t n = utf8_decode((const unsigned char *)text, left, &c);
    if (n == 0) {
        snprintf(shown, UTF8_SHOWN, "[0x%02X]", (unsigned char)*text);
        return 1;
    }
    if (utf8_is_hidden(c) && c != '\n' && c != '\t')
        snprintf(shown, UTF8_SHOWN, "[U+%04X]", (unsigned)c);
    else
        snprintf(shown, UTF8_SHOWN, "%.*s", (int)n, text);
    return n;
}

int utf8_width(const char *shown) {
    int n = 0;
    for (; *shown; shown++) n += ((unsigned char)*shown & 0xC0) != 0x80;
    return n;
}

void utf8_print(FILE *out, const char *text, size_t length) {
    char shown[UTF8_SHOWN];
    for (size_t n; length > 0; length -= n, text += n) {
        n = utf8_shown(text, length, shown);
        fputs(shown, out);
    }
}

void utf8_print_name(const char *name, int width) {
    char shown[UTF8_SHOWN];
    for (size_t left = strlen(name), n; left > 0; left -= n, name += n) {
        n = utf8_shown(name, left, shown);
        fputs(shown, stdout);
        width -= utf8_width(shown);
    }
    for (; width > 0; width--) putchar(' ');
}
