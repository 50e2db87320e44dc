/* gz: the content of a .gz log as a stream; the one wrapper of zlib.
 *
 * Members that follow each other are one content (RFC 1952, 2.2). What stands behind the last member and is none is
 * ignored, as gzip does. The descriptor is borrowed: gz_close leaves it open.
 */
#ifndef PROVCTL_GZ_H
#define PROVCTL_GZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

struct gz;

#define GZ_HEADER 10 /* bytes of a file's start that tell a .gz and its time */

/* Whether a file that starts so is a .gz: by its magic number (RFC 1952, 2.3.1), for names tell nothing. */
bool gz_is(const unsigned char *start, size_t n);
/* The time of the original file as the header tells it, 0 where it does not. */
int64_t gz_time(const unsigned char start[GZ_HEADER]);
/* The length of the last member's content, modulo 2^32, as the last four bytes of the file tell it: a hint only, for
 * other members may stand before it and a file that is cut short ends in anything. 0: cannot be read. */
uint32_t gz_length(int fd, uint64_t file_size);

/* Reads from the start of the file, whatever the descriptor's position. */
int gz_open(struct gz **out, int fd, struct err *err);
void gz_close(struct gz **gz);
/* Up to n bytes of content. 0: no more; gz_whole tells whether that was the end. -1: the data is corrupt, or cannot be read; what came
 * before is sound. Does not loop on either: the same is answered again. */
ssize_t gz_read(struct gz *gz, void *to, size_t n, struct err *err);
/* The last member was read to its end: the file is not cut short, nor still being written. */
bool gz_whole(const struct gz *gz);

#endif
