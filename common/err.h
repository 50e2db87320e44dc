/* err: the reason why something failed, for the person who reads it.
 *
 * Every function that can fail returns 0 or -1 and takes a struct err as its last argument; on 0 the
 * struct is untouched. The text is one line, "what: why", with where it happened and what to do about it
 * where that is known; it never ends in a line break. The class is the exit status that a command ends with.
 */
#ifndef PROVCTL_ERR_H
#define PROVCTL_ERR_H

enum err_class {
	ERR_NEGATIVE = 1, /* a negative answer: not found, not served */
	ERR_INPUT = 2,    /* bad usage, bad configuration, bad input */
	ERR_POLICY = 3,   /* refused by policy */
	ERR_SYSTEM = 4,   /* permissions, disk, kernel, out of memory */
	ERR_FORGOTTEN = 5 /* not known any more */
};

struct err {
	enum err_class class;
	char text[1024];
};

/* Sets class and text; too long a text is cut. Always returns -1, so that "return err_set(...)" reads well. */
int err_set(struct err *err, enum err_class class, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As err_set with class ERR_SYSTEM, and ": " and strerror(errno) appended. */
int err_errno(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The class of an error (of errno) about a file that somebody named: that there is no such file is their mistake, all else the system's. */
enum err_class err_class_of(int number);

/* Puts "format: " before the text that is there. Returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
