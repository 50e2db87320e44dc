/* files: the page, its parts, and the description of the API: read once at the start, each an answer that is ready. A provider's own folder may hold files of
 * the same names, which stand for those that ship, and a logo.svg.
 */
#ifndef PROVCTL_FILES_H
#define PROVCTL_FILES_H

#include "common/buf.h"
#include "common/err.h"

#include "portal/http.h"

#define FILES_MAX      64
#define FILES_NAME_MAX 64
#define FILES_BYTES    (1U << 20) /* of one */

struct files;

/* data: the folder of openapi.json and page/. brand: "" for none. */
int files_read(struct files **out, const char *data, const char *brand, struct err *err);
void files_free(struct files **f);
/* By its name in the page's folder; NULL where there is none. */
struct http_ready *files_page(const struct files *f, struct slice name);
struct http_ready *files_openapi(const struct files *f);

#endif
