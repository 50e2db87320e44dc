#include <string.h>

#include "common/mac.h"

const int8_t hex_value[256] = {
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
	-1, -1, -1, -1, -1, -1, -1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
};

/* The length of the separator at p: one of : - _ . or %3A in either case; 0 for none. */
static size_t separator_length(const char *p, size_t n) {
	if (n >= 3 && p[0] == '%' && p[1] == '3' && (p[2] == 'A' || p[2] == 'a'))
		return 3;
	return n >= 1 && (p[0] == ':' || p[0] == '-' || p[0] == '_' || p[0] == '.') ? 1 : 0;
}

/* The digits at p to p + n, behind those of *value. What is returned is negative where one is none. */
static inline int digits_take(const char *p, size_t n, uint64_t *value) {
	int sound = 0;

	for (size_t i = 0; i < n; i++) {
		int digit = hex_value[(unsigned char)p[i]];

		sound |= digit;
		*value = *value << 4 | ((unsigned)digit & 15);
	}
	return sound;
}

bool mac_parse(const char *text, size_t n, uint64_t *mac) {
	const char *p = text;
	uint64_t value = 0;
	size_t group = 12; /* digits between two separators */
	size_t separator = 0;
	int sound = 0;

	if (n < 12 || n > 12 + 5 * 3)
		return false;
	if (n > 12) {
		group = separator_length(text + 2, n - 2) ? 2 : 4;
		separator = separator_length(text + group, n - group);
		if (separator == 0 || (group == 4 && text[group] != '.') || n != 12 + (12 / group - 1) * separator)
			return false;
	}
	if (n == 12)
		sound = digits_take(p, 12, &value);
	else
		for (size_t digits = 0; digits < 12; digits += group) {
			if (digits > 0) {
				/* %3A and %3a may stand beside each other. */
				if (separator_length(p, n - (size_t)(p - text)) != separator ||
				    p[separator == 3] != text[group + (separator == 3)])
					return false;
				p += separator;
			}
			sound |= group == 2 ? digits_take(p, 2, &value) : digits_take(p, 4, &value);
			p += group;
		}
	/* Bit 0 of the first byte marks a group address (IEEE 802). */
	if (sound < 0 || value == MAC_NONE || (value >> 40 & 1))
		return false;
	*mac = value;
	return true;
}

void mac_print(uint64_t mac, char out[MAC_TEXT]) {
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 12; i++)
		out[i] = digits[mac >> (44 - 4 * i) & 15];
	out[12] = '\0';
}
