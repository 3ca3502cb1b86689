/* The number that somebody wrote, from the float that it became. */
#ifndef LATHE_SUPPORT_DECIMAL_H
#define LATHE_SUPPORT_DECIMAL_H

/* The shortest decimal that reads back as x: 0.999 for 0.999f. Keras computes with such numbers in
 * double (1 - beta_2 = 0.001) before it rounds to float. */
double decimal_of(float x);
/* Its text. */
void decimal_text(float x, char text[32]);

#endif
