#include <string.h>

#include "common/mac.h"

static int hex_digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The length of the separator at p: one of : - _ . or %3A in either case; 0 for none. */
static size_t separator_length(const char *p, size_t n) {
	if (n >= 3 && p[0] == '%' && p[1] == '3' && (p[2] == 'A' || p[2] == 'a'))
		return 3;
	return n >= 1 && (p[0] == ':' || p[0] == '-' || p[0] == '_' || p[0] == '.') ? 1 : 0;
}

bool mac_parse(const char *text, size_t n, uint64_t *mac) {
	uint64_t value = 0;
	size_t group = 12; /* digits between two separators */
	size_t separator = 0;
	size_t i = 0;

	if (n < 12 || n > 12 + 5 * 3)
		return false;
	if (n > 12) {
		group = separator_length(text + 2, n - 2) ? 2 : 4;
		separator = separator_length(text + group, n - group);
		if (separator == 0 || (group == 4 && text[group] != '.'))
			return false;
	}
	for (size_t digit = 0; digit < 12; digit++) {
		if (digit > 0 && digit % group == 0) {
			if (n - i < separator || memcmp(text + i + (separator == 3), text + group + (separator == 3), 1) != 0 ||
			    separator_length(text + i, n - i) != separator)
				return false;
			i += separator;
		}
		if (i >= n || hex_digit(text[i]) < 0)
			return false;
		value = value << 4 | (uint64_t)hex_digit(text[i]);
		i++;
	}
	/* Bit 0 of the first byte marks a group address (IEEE 802). */
	if (i != n || value == MAC_NONE || (value >> 40 & 1))
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
