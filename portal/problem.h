/* problem: what is told where something cannot be done: a problem document (RFC 9457). */
#ifndef PROVCTL_PROBLEM_H
#define PROVCTL_PROBLEM_H

#include "portal/http.h"

#define PROBLEM_AGAIN 5 /* seconds, where nobody knows better */

/* Makes the answer; 401 has its challenge, 503 and 429 a time to try again. */
void problem_answer(struct http_answer *a, unsigned status, const char *detail);

#endif
