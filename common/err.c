#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"

int err_set(struct err *err, enum err_class class, const char *format, ...) {
	va_list args;

	err->class = class;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -1;
}

int err_errno(struct err *err, const char *format, ...) {
	int why = errno;
	va_list args;
	size_t used;

	err->class = ERR_SYSTEM;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(why));
	return -1;
}

enum err_class err_class_of(int number) {
	switch (number) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return ERR_INPUT;
	default:
		return ERR_SYSTEM;
	}
}

int err_prefix(struct err *err, const char *format, ...) {
	char prefix[512];
	char text[sizeof(err->text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(prefix, sizeof(prefix), format, args);
	va_end(args);
	memcpy(text, err->text, sizeof(text));
	(void)snprintf(err->text, sizeof(err->text), "%s: %.*s", prefix, (int)(sizeof(text) - sizeof(prefix) - 2), text);
	return -1;
}
