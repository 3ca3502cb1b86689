/* cmocka with the headers that it needs before it. */
#ifndef LATHE_TESTS_CMOCKA_ALL_H
#define LATHE_TESTS_CMOCKA_ALL_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#endif
