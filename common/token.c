#include <string.h>
#include <sys/random.h>

#include <nettle/memops.h>
#include <nettle/sha2.h>

#include "common/token.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char head[] = "pvt_";

_Static_assert(TOKEN_HASH == SHA256_DIGEST_SIZE, "the digest of SHA-256");
_Static_assert(TOKEN_ID % 8 == 0, "an id is whole bytes");

/* RFC 4648, without padding. */
static char *base32(const uint8_t *p, size_t n, char *out) {
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = (bits << 8 | p[i]) & 0xfff;
		have += 8;
		for (; have >= 5; have -= 5)
			*out++ = letters[bits >> (have - 5) & 31];
	}
	if (have > 0)
		*out++ = letters[bits << (5 - have) & 31];
	return out;
}

int token_make(char text[TOKEN_LENGTH + 1], struct err *err) {
	uint8_t id[TOKEN_ID * 5 / 8], secret[TOKEN_HASH];
	char *end = text + strlen(head);

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id) ||
	    getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return err_errno(err, "no random bytes");
	memcpy(text, head, strlen(head));
	end = base32(id, sizeof(id), end);
	*end++ = '_';
	end = base32(secret, sizeof(secret), end);
	*end = '\0';
	explicit_bzero(secret, sizeof(secret));
	return 0;
}

static bool is_base32(const char *p, size_t n) {
	for (size_t i = 0; i < n; i++)
		if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '2' && p[i] <= '7')))
			return false;
	return true;
}

bool token_id_is_sound(struct slice id) {
	return id.n == TOKEN_ID && is_base32(id.p, id.n);
}

bool token_parse(struct slice text, char id[TOKEN_ID + 1]) {
	const char *at;

	if (text.n != TOKEN_LENGTH || memcmp(text.p, head, strlen(head)) != 0)
		return false;
	at = text.p + strlen(head);
	if (!is_base32(at, TOKEN_ID) || at[TOKEN_ID] != '_' || !is_base32(at + TOKEN_ID + 1, TOKEN_SECRET))
		return false;
	memcpy(id, at, TOKEN_ID);
	id[TOKEN_ID] = '\0';
	return true;
}

void token_hash(struct slice text, struct token_hash *out) {
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, text.n, (const uint8_t *)text.p);
	sha256_digest(&sha, sizeof(out->b), out->b);
}

bool token_same(const struct token_hash *a, const struct token_hash *b) {
	return memeql_sec(a->b, b->b, sizeof(a->b)) != 0;
}

void token_print(const struct token_hash *hash, char out[TOKEN_HEX]) {
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < TOKEN_HASH; i++) {
		out[2 * i] = digits[hash->b[i] >> 4];
		out[2 * i + 1] = digits[hash->b[i] & 15];
	}
	out[TOKEN_HEX - 1] = '\0';
}
