/* Programs of the tests find lathe-parse where it was built. */
#include "../../compiler/jail/jail.h"

__attribute__((constructor)) static void set_program(void) { jail_program = LATHE_PARSE; }
