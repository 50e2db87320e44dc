/* verdict_token: the tokens by which web servers ask for verdicts, from the hashes that the enforcer publishes: they are good while it is down, too.
 */
#ifndef PROVCTL_VERDICT_TOKEN_H
#define PROVCTL_VERDICT_TOKEN_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

struct verdict_tokens;

/* state: the folder of the state. */
int verdict_tokens_new(struct verdict_tokens **out, const char *state, struct err *err);
void verdict_tokens_free(struct verdict_tokens **t);

enum token_answer { TOKEN_GOOD, TOKEN_BAD, TOKEN_UNAVAILABLE /* the file cannot be read, or is not whole */ };
enum token_answer verdict_token(struct verdict_tokens *t, struct slice text, int64_t now);

#endif
