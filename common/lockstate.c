#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/lockstate.h"

/* Both families as 16 bytes, IPv4 as ::ffff:a.b.c.d; the number of bits before the address proper, or -1. */
static int address(const char *text, unsigned char out[16]) {
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	memcpy(out, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, out + 12) == 1)
		return 96;
	return inet_pton(AF_INET6, text, out) == 1 ? 0 : -1;
}

/* Whether one of the prefixes (separated by commas; cut to pieces) holds ip. */
static bool holds(char *prefixes, const unsigned char ip[16]) {
	char *rest;

	for (char *prefix = strtok_r(prefixes, ",", &rest); prefix; prefix = strtok_r(NULL, ",", &rest)) {
		char *slash = strchr(prefix, '/');
		unsigned char base[16];
		int shift, bits, whole;

		if (slash)
			*slash = '\0';
		shift = address(prefix, base);
		bits = slash ? (int)strtol(slash + 1, NULL, 10) + shift : 128;
		whole = bits / 8;
		if (shift < 0 || bits < 0 || bits > 128 || memcmp(base, ip, (size_t)whole) != 0)
			continue;
		if (bits % 8 == 0 || ((base[whole] ^ ip[whole]) >> (8 - bits % 8)) == 0)
			return true;
	}
	return false;
}

struct reading {
	const char *mac;
	unsigned char ip[16];
	int64_t now;
	unsigned long counted, ended;
	bool head, end, listed, open, fallback_open, fallback;
	bool home, held, any_window;
	char account[80];
};

#define WORDS 7

/* The accounts of the windows and networks that hold the address are judged when the device's account is known: a window or network
 * line may stand only behind the devices, as the format says. */
static void line(struct reading *r, char *text) {
	char *word[WORDS] = {0};
	char *rest;
	size_t n = 0;

	for (char *w = strtok_r(text, " \n", &rest); w && n < WORDS; w = strtok_r(NULL, " \n", &rest))
		word[n++] = w;
	if (n == 0)
		return;
	r->end = false;
	if (strcmp(word[0], "provctl-lockstate") == 0 && n >= 2) {
		r->head = strcmp(word[1], "1") == 0;
	} else if (strcmp(word[0], "device") == 0 && n == WORDS) {
		r->counted++;
		if (strcmp(word[1], r->mac) != 0)
			return;
		r->listed = true;
		r->open = strcmp(word[2], "open") == 0 && (strcmp(word[3], "-") == 0 || r->now < strtoll(word[3], NULL, 10));
		r->home = holds(word[4], r->ip);
		r->held = strcmp(word[5], "held") == 0;
		(void)snprintf(r->account, sizeof(r->account), "%s", word[6]);
	} else if (strcmp(word[0], "window") == 0 && n == 4) {
		r->counted++;
		if (r->now < strtoll(word[2], NULL, 10) && (strcmp(word[3], "*") == 0 || strcmp(word[3], r->account) == 0) &&
		    holds(word[1], r->ip))
			r->any_window = true;
	} else if (strcmp(word[0], "network") == 0 && n == 3) {
		r->counted++;
		if (strcmp(word[2], r->account) == 0 && holds(word[1], r->ip))
			r->home = true;
	} else if (strcmp(word[0], "default") == 0 && n == 2) {
		r->fallback = true;
		r->fallback_open = strcmp(word[1], "open") == 0;
	} else if (strcmp(word[0], "end") == 0 && n == 2) {
		r->end = true;
		r->ended = strtoul(word[1], NULL, 10);
	}
}

enum lockstate_answer lockstate_verdict(const char *path, const char *mac, const char *ip, int64_t now) {
	struct reading r = {.mac = mac, .now = now};
	enum lockstate_answer answer = LOCKSTATE_UNAVAILABLE;
	char name[4096];
	struct stat st;
	char *text = NULL;
	size_t room = 0;
	FILE *file = NULL;
	bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	int n = folder ? snprintf(name, sizeof(name), "%s/%.2s", path, strlen(mac) == 12 ? mac + 10 : "--")
	               : snprintf(name, sizeof(name), "%s", path);

	if (n > 0 && (size_t)n < sizeof(name) && address(ip, r.ip) >= 0)
		file = fopen(name, "re");
	if (!file)
		goto done;
	while (getline(&text, &room, file) > 0)
		line(&r, text);
	if (ferror(file) || !r.head || !r.fallback || !r.end || r.ended != r.counted)
		goto done;
	answer = (r.listed ? r.open : r.fallback_open) || r.home || (r.any_window && !r.held) ? LOCKSTATE_SERVE
	                                                                                      : LOCKSTATE_REFUSE;
done:
	if (file)
		(void)fclose(file);
	free(text);
	return answer;
}
