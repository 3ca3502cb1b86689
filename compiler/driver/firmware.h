/* Flash, RAM and stack that the C of a network takes on a Cortex-M. */
#ifndef LATHE_DRIVER_FIRMWARE_H
#define LATHE_DRIVER_FIRMWARE_H

#include "../codegen/codegen.h"

/* Prints them in a line. Weights and workspace are exact; code and stack are measured by a cross
 * compiler: $CC if that is an arm-none-eabi compiler, else arm-none-eabi-gcc for a Cortex-M4 with
 * its floating-point unit. Where there is none, the line has an estimate and says so. False after
 * an error was printed. */
bool print_firmware(const Module *m, const Generated *g);

#endif
