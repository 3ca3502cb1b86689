/* What main.c needs of a board. */
#ifndef BOARD_H
#define BOARD_H

void board_print(const char *text);
/* The most bytes of stack so far. */
unsigned board_stack_used(void);

#endif
