#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "analyzer/gz.h"

#define GZ_INPUT  32768
#define GZIP_ONLY (16 + MAX_WBITS) /* inflateInit2: a gzip header is required */

struct gz {
	int fd;
	off_t at; /* of the compressed file: what is behind the input */
	bool whole, corrupt;
	z_stream z;
	unsigned char input[GZ_INPUT];
};

bool gz_is(const unsigned char *start, size_t n) {
	return n >= GZ_HEADER && start[0] == 0x1f && start[1] == 0x8b && start[2] == Z_DEFLATED;
}

static uint32_t number_of(const unsigned char *p) {
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int64_t gz_time(const unsigned char start[GZ_HEADER]) {
	return number_of(start + 4);
}

uint32_t gz_length(int fd, uint64_t file_size) {
	unsigned char end[4];

	if (file_size < sizeof(end) || pread(fd, end, sizeof(end), (off_t)(file_size - sizeof(end))) != sizeof(end))
		return 0;
	return number_of(end);
}

int gz_open(struct gz **out, int fd, struct err *err) {
	struct gz *gz = calloc(1, sizeof(*gz));

	if (!gz)
		return err_set(err, ERR_SYSTEM, "gz: out of memory");
	gz->fd = fd;
	if (inflateInit2(&gz->z, GZIP_ONLY) != Z_OK) {
		free(gz);
		return err_set(err, ERR_SYSTEM, "gz: out of memory");
	}
	*out = gz;
	return 0;
}

void gz_close(struct gz **gz) {
	if (!*gz)
		return;
	(void)inflateEnd(&(*gz)->z);
	free(*gz);
	*gz = NULL;
}

/* 1: there is input; 0: the file ends here; -1 failed. */
static int gz_more(struct gz *gz, struct err *err) {
	ssize_t n;

	if (gz->z.avail_in > 0)
		return 1;
	do
		n = pread(gz->fd, gz->input, sizeof(gz->input), gz->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(err, "cannot be read");
	gz->at += n;
	gz->z.next_in = gz->input;
	gz->z.avail_in = (uInt)n;
	return n > 0;
}

ssize_t gz_read(struct gz *gz, void *to, size_t n, struct err *err) {
	size_t room = n < (1U << 30) ? n : 1U << 30;

	gz->z.next_out = to;
	gz->z.avail_out = (uInt)room;
	while (gz->z.avail_out == room && !gz->corrupt) {
		int more = gz_more(gz, err);

		if (more < 0)
			return -1;
		if (more == 0)
			return 0;
		if (gz->whole) {
			if (gz->z.next_in[0] != 0x1f)
				return 0;
			(void)inflateReset(&gz->z);
			gz->whole = false;
		}
		switch (inflate(&gz->z, Z_NO_FLUSH)) {
		case Z_OK:
		case Z_BUF_ERROR:
			break;
		case Z_STREAM_END:
			gz->whole = true;
			break;
		default:
			gz->corrupt = true;
		}
	}
	if (gz->z.avail_out == room && room > 0)
		return err_set(err, ERR_INPUT, "the compressed data is corrupt%s%s", gz->z.msg ? ": " : "",
		               gz->z.msg ? gz->z.msg : "");
	return (ssize_t)(room - gz->z.avail_out);
}

bool gz_whole(const struct gz *gz) {
	return gz->whole;
}
