/* Who parses files that nobody trusts, when lathe does: lathe-parse. */
#ifndef LATHE_DRIVER_PARSERS_H
#define LATHE_DRIVER_PARSERS_H

/* From now on the runtime's readers ask it. */
void use_jailed_parsers(void);

#endif
