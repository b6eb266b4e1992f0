/* The forms of scaling on x86, one instance of a kernel each. */
#ifndef EDGEKIT_X86_FORMS_H
#define EDGEKIT_X86_FORMS_H

/*
 * Cheapest first: a clamp at the zero point, so that it is all one how a value below it is rounded; any other clamp;
 * any sum and shift besides. The first two shift right by 1 or more, and what they shift (the sum times its
 * multiplier, half of what is lost, and the zero point shifted left) fits 32 bits.
 */
enum { EK_RELU, EK_LINEAR, EK_GENERAL };

#endif
