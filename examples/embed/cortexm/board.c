/* An MPS2 board with a Cortex-M4 (AN386), as qemu has it: start, serial line, end. */
#include "board.h"

#include <stdint.h>

int main(void);

/* of mps2-an386.ld */
extern uint32_t stack_end[], stack_start[], data_image[], data_start[], data_end[], bss_start[],
    bss_end[];

void board_start(void);

/* ---- the serial line: the first UART of Arm's CMSDK ---- */

typedef struct {
    volatile uint32_t data, state, control, interrupt, divider;
} Uart;

#define UART ((Uart *)0x40004000)
enum { UART_FULL = 1, UART_SEND = 1 };

void board_print(const char *text) {
    for (; *text; text++) {
        while (UART->state & UART_FULL) {
        }
        UART->data = (uint32_t)*text;
    }
}

/* ---- stack ---- */

enum { UNUSED = 0x57AC57AC };

unsigned board_stack_used(void) {
    const uint32_t *lowest = stack_end;
    while (lowest < stack_start && *lowest == UNUSED) lowest++;
    return (unsigned)((stack_start - lowest) * 4);
}

/* ---- start and end ---- */

/* By semihosting: qemu, or a debugger, ends the program. */
static _Noreturn void end(int status) {
    enum { SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026 };
    const uint32_t how[] = {APPLICATION_EXIT, (uint32_t)status};
    register uint32_t operation __asm__("r0") = SYS_EXIT_EXTENDED;
    register const uint32_t *argument __asm__("r1") = how;
    __asm__ volatile("bkpt 0xAB" : : "r"(operation), "r"(argument) : "memory");
    for (;;) {
    }
}

static void fault(void) {
    board_print("fault\n");
    end(1);
}

void board_start(void) {
    volatile uint32_t *const access = (volatile uint32_t *)0xE000ED88; /* CPACR */
    *access |= 0xF << 20;                                              /* the floating-point unit */
    __asm__ volatile("dsb\n\tisb");
    uint32_t *top;
    __asm__ volatile("mov %0, sp" : "=r"(top));
    for (uint32_t *p = stack_end; p < top; p++) *p = UNUSED;
    const uint32_t *from = data_image;
    for (uint32_t *p = data_start; p < data_end; p++) *p = *from++;
    for (uint32_t *p = bss_start; p < bss_end; p++) *p = 0;
    UART->divider = 16;
    UART->control = UART_SEND;
    end(main());
}

/* Where the Cortex-M's stack begins, and what runs at reset and at each of its faults. */
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handler[15])(void);
} vectors = {stack_start, {board_start, fault, fault, fault, fault, fault}};
