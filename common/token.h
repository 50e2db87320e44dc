/* token: what a person or a program shows to the portal: "pvt_ID_SECRET". ID is public, 8 characters of base32 (RFC 4648, lower case); SECRET is
 * 256 random bits in 52. Only the SHA-256 of the whole text is kept, so that who reads the state or the published hashes cannot show a token;
 * 256 random bits need no slow hash. token.c is the one wrapper of nettle.
 */
#ifndef PROVCTL_TOKEN_H
#define PROVCTL_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

#define TOKEN_ID           8                                 /* characters */
#define TOKEN_SECRET       52                                /* characters */
#define TOKEN_LENGTH       (4 + TOKEN_ID + 1 + TOKEN_SECRET) /* of the text */
#define TOKEN_HASH         32                                /* bytes */
#define TOKEN_HEX          (2 * TOKEN_HASH + 1)
#define TOKEN_VERDICTS_MAX 256              /* tokens of the role verdict: all are compared with each that is shown */
#define TOKEN_FILE         "tokens"         /* hashes of verdict tokens, published in */
#define TOKEN_FOLDER       "publish-portal" /* this folder of the state */
#define TOKEN_HEADING      "provctl-tokens 1"

struct token_hash {
	uint8_t b[TOKEN_HASH];
};

/* A new one from the kernel's random bytes. -1 where it gives none. */
int token_make(char text[TOKEN_LENGTH + 1], struct err *err);
/* Is it shaped as a token? Then its id is copied. */
bool token_parse(struct slice text, char id[TOKEN_ID + 1]);
bool token_id_is_sound(struct slice id);
void token_hash(struct slice text, struct token_hash *out);
/* In a time that does not depend on where they differ. */
bool token_same(const struct token_hash *a, const struct token_hash *b);
void token_print(const struct token_hash *hash, char out[TOKEN_HEX]);

#endif
