// SPDX-License-Identifier: MIT
/*
 * JUnit is the XML in which servers that build and test take results: a suite, a case for each
 * check.
 */
#ifndef P11D_JUNIT_H
#define P11D_JUNIT_H

#include "report.h"

/* Prints the whole document; results is of P11dResult. */
void p11d_junit_print(const P11dReport *report, const GPtrArray *results);

#endif
