/* page: the sum at the end of each page of a database file, which tells that the disk gave back what was written.
 *
 * Layout and sums are those of SQLite's own Checksum VFS Shim (sqlite.org/cksumvfs.html), so that its tools can check our files, too:
 * byte 20 of the file says that PAGE_SUM bytes at the end of every page are reserved, and they hold two 32-bit little-endian sums of what is before them.
 */
#ifndef PROVCTL_PAGE_H
#define PROVCTL_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#define PAGE_SUM 8
#define PAGE_MIN 512 /* of a database file */

/* n: of the whole page, a power of two from PAGE_MIN. */
void page_seal(unsigned char *page, size_t n);
bool page_is_sound(const unsigned char *page, size_t n);

/* Do the first 100 bytes of a database file say that its pages are sealed? */
bool page_tells_sealed(const unsigned char *head);

#endif
