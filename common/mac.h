/* mac: a device's hardware address as a number, 48 bits, the first byte highest. 0 stands for "none": the all-zero
 * address is no phone's (phones ask for 000000000000.cfg as a file of their vendor's defaults). */
#ifndef PROVCTL_MAC_H
#define PROVCTL_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_NONE 0
#define MAC_TEXT 13 /* 12 lower-case hex digits and NUL */

/* Reads all n bytes as a MAC: 12 hex digits in either case, bare or with one of ":", "-", "_", "." or "%3A" between
 * each two (the same one throughout), or in Cisco's three groups of four with dots. False for anything else, the
 * all-zero address, and group addresses such as ffffffffffff (no device has one). */
bool mac_parse(const char *text, size_t n, uint64_t *mac);

/* The value of a hex digit in either case, -1 of any other byte. */
extern const int8_t hex_value[256];

/* Writes 12 lower-case hex digits and NUL. */
void mac_print(uint64_t mac, char out[MAC_TEXT]);

#endif
