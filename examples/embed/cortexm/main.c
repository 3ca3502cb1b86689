/* The self-test of LeNet-5, and what it says about a drawn seven. */
#include "board.h"
#include "lenet5.h"

#include <stdint.h>
#include <string.h>

enum { SIDE = 28, DIGITS = LENET5_OUTPUT_COUNT };

/* Weights stay where the linker put them: in flash. */
static _Alignas(LENET5_ALIGNMENT) unsigned char workspace[LENET5_WORKSPACE_BYTES];
static lenet5_weights weights;
static float picture[SIDE * SIDE], p[DIGITS];

static void print_number(unsigned n, unsigned base, int digits) {
    char text[12];
    text[digits] = 0;
    while (digits > 0) {
        text[--digits] = "0123456789abcdef"[n % base];
        n /= base;
    }
    board_print(text);
}

static void dot(int y, int x) {
    for (int i = 0; i < 4; i++) picture[(y + i / 2) * SIDE + x + i % 2] = 1.0f;
}

static void draw_seven(void) {
    for (int x = 7; x < 20; x++) dot(6, x);
    for (int y = 7; y < 23; y++) dot(y, 19 - (y - 6) / 2);
}

/* In per cent, and the bits of the float. */
static void print_probability(int digit) {
    uint32_t bits;
    memcpy(&bits, &p[digit], sizeof bits);
    print_number((unsigned)digit, 10, 1);
    board_print(": ");
    print_number((unsigned)(p[digit] * 100.0f + 0.5f), 10, 3);
    board_print(" %  ");
    print_number(bits, 16, 8);
    board_print("\n");
}

int main(void) {
    if (lenet5_weights_open(&weights, lenet5_model.embedded_weights, LENET5_WEIGHTS_BYTES) !=
            LATHE_OK ||
        lenet5_self_test(&weights, NULL, workspace) != LATHE_OK) {
        board_print("self-test failed\n");
        return 1;
    }
    board_print("self-test passed\n");
    draw_seven();
    lenet5_predict(&weights, workspace, 1, picture, p);
    for (int digit = 0; digit < DIGITS; digit++) print_probability(digit);
    board_print("stack: ");
    print_number(board_stack_used(), 10, 4);
    board_print(" bytes\n");
    return 0;
}
