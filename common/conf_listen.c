/* conf_listen: the type of the places that the portal listens at: ADDRESS:PORT, [ADDRESS]:PORT, *:PORT or unix:PATH. */
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/conf_private.h"

#define UNIX "unix:"

/* -1: it is none. */
static int parse(const char *text, struct conf_listen *out) {
	static const char *const everywhere[] = {"*:", "0.0.0.0:", "[::]:"};
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (strncmp(text, UNIX, strlen(UNIX)) == 0) {
		out->path = text + strlen(UNIX);
		return out->path[0] == '/' && strlen(out->path) < sizeof(((struct sockaddr_un *)0)->sun_path) ? 0 : -1;
	}
	if (!colon || !slice_number(slice_of(colon + 1), 65535, &port) || port == 0)
		return -1;
	out->port = (uint16_t)port;
	for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++)
		if (strlen(everywhere[i]) == (size_t)(colon + 1 - text) &&
		    strncmp(text, everywhere[i], strlen(everywhere[i])) == 0) {
			out->everywhere = i == 1 ? LISTEN_IPV4 : LISTEN_ALL;
			return 0;
		}
	return addr_parse_endpoint(text, strlen(text), &out->ip) ? 0 : -1;
}

static int read_listens(struct conf_reader *r, const struct conf_row *row, const struct yamldoc_node *n, void *base,
                        struct err *err) {
	struct conf_listen **list = CONF_FIELD(struct conf_listen *, row, base);

	(void)r;
	if (yamldoc_sequence(n, err) != 0)
		return -1;
	if (n->count > (size_t)row->max || n->count == 0)
		return yamldoc_fault(n, err, "from 1 to %lld places are needed", (long long)row->max);
	*list = calloc(n->count, sizeof(**list));
	if (!*list)
		return err_set(err, ERR_SYSTEM, "%s: out of memory", n->file);
	for (const struct yamldoc_node *i = n->first; i; i = i->next) {
		struct conf_listen *l = &(*list)[*CONF_COUNT(row, base)];

		l->text = conf_read_text(i, CONF_WORD_MAX * 2, err);
		if (!l->text)
			return -1;
		(*CONF_COUNT(row, base))++;
		if (parse(l->text, l) != 0)
			return yamldoc_fault(i, err, "must be ADDRESS:PORT, *:PORT or unix:/PATH (at most %zu bytes)",
			                     sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	}
	return 0;
}

static void print_listens(const struct conf_row *row, const void *base, FILE *out) {
	const struct conf_listen *list = *CONF_FIELD_IN(struct conf_listen *, row, base);

	fputc('[', out);
	for (uint32_t i = 0; i < CONF_COUNT_IN(row, base); i++) {
		fputs(i > 0 ? ", " : "", out);
		conf_print_text(list[i].text, out);
	}
	fputc(']', out);
}

static void release_listens(const struct conf_row *row, void *base) {
	struct conf_listen *list = *CONF_FIELD(struct conf_listen *, row, base);

	for (uint32_t i = 0; i < *CONF_COUNT(row, base); i++)
		free(list[i].text);
	free(list);
}

const struct conf_type conf_type_listens = {"list of places", read_listens, print_listens, release_listens};
