/* The number that somebody wrote, from the float that it became. */
#include "decimal.h"

#include <stdio.h>
#include <stdlib.h>

void decimal_text(float x, char text[32]) {
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, 32, "%.*g", digits, (double)x);
        if (strtof(text, NULL) == x) return;
    }
}

double decimal_of(float x) {
    char text[32];
    decimal_text(x, text);
    return strtof(text, NULL) == x ? strtod(text, NULL) : (double)x;
}
