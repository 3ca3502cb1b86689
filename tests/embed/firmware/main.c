/* Any network with embedded weights on the board of examples/embed/cortexm: its self-test, a
 * prediction from bytes, and the stack. -DHEADER="m.h" -DNETWORK=m -DCAPITALS=M */
#include "board.h"
#include HEADER

#define PASTE(a, b) a##b
#define NAME(a, b)  PASTE(a, b)

static _Alignas(64) unsigned char workspace[NAME(CAPITALS, _WORKSPACE_BYTES)];
static lathe_weights weights;
static float p[NAME(CAPITALS, _OUTPUT_COUNT)];

int main(void) {
    char text[] = "stack 0000\n";
    const unsigned char *image = NAME(NETWORK, _model).embedded_weights;
    if (NAME(NETWORK, _weights_open)(&weights, image, NAME(CAPITALS, _WEIGHTS_BYTES)) ||
        NAME(NETWORK, _weights_verify)(&weights) ||
        NAME(NETWORK, _self_test)(&weights, 0, workspace))
        return 1;
    NAME(NETWORK, _predict_u8)(&weights, workspace, 1, image, p);
    unsigned used = board_stack_used();
    for (int i = 9; i > 5; i--, used /= 10) text[i] = (char)('0' + used % 10);
    board_print(text);
    return 0;
}
