#include <string.h>

#include "portal/caller.h"

bool caller_is_proxy(const struct conf *conf, struct addr ip) {
	if (conf_is_proxy(conf, ip))
		return true;
	for (uint32_t i = 0; i < conf->portal.ntrusted_proxies; i++)
		if (prefix_has(conf->portal.trusted_proxies[i], ip))
			return true;
	return false;
}

static bool is_blank(char c) {
	return c == ' ' || c == '\t';
}

/* Takes the last item of a list. */
static struct slice last_take(struct slice *list) {
	const char *comma = list->n ? memrchr(list->p, ',', list->n) : NULL;
	size_t at = comma ? (size_t)(comma + 1 - list->p) : 0;
	struct slice item = {list->p + at, list->n - at};

	list->n = comma ? at - 1 : 0;
	while (item.n > 0 && is_blank(item.p[0]))
		item = (struct slice){item.p + 1, item.n - 1};
	while (item.n > 0 && is_blank(item.p[item.n - 1]))
		item.n--;
	return item;
}

bool caller_address(const struct conf *conf, struct addr peer, bool is_proxy, struct slice forwarded,
                    struct addr *out) {
	if (!is_proxy) {
		*out = peer;
		return !addr_is_none(peer);
	}
	while (forwarded.n > 0) {
		struct slice item = last_take(&forwarded);
		struct addr ip;

		/* What stands further left was written by who knows whom. */
		if (!addr_parse_endpoint(item.p, item.n, &ip))
			return false;
		if (!caller_is_proxy(conf, ip)) {
			*out = ip;
			return true;
		}
	}
	return false;
}

struct addr caller_counted(struct addr ip) {
	return addr_is_v4(ip) ? ip : addr_masked(ip, 64);
}
