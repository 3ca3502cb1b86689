/* The number that somebody wrote, from the float that it became. */
#include "decimal.h"

#include <stdio.h>
#include <stdlib.h>

double decimal_of(float x) {
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if (strtof(text, NULL) == x) return strtod(text, NULL);
    }
    return (double)x;
}
