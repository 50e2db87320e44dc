#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/timefmt.h"

#include "enforcer/apply.h"
#include "enforcer/firewall.h"
#include "enforcer/host.h"
#include "enforcer/newfile.h"

#define MAP_MAX (256U << 20) /* bytes */

/* In watch nothing is banned on this machine either, but what an admin blocks stays. */
static bool in_force(const struct conf *conf, const struct banlist_entry *e, int64_t now) {
	return e->until == TIME_NONE || (e->until > now && conf->mode != MODE_WATCH);
}

/* ---- the firewall ---- */

struct given {
	const struct conf *conf;
	const struct host *host;
	const struct banlist *list;
	int64_t now;
	uint32_t never, own, i; /* the next of each */
	uint32_t bans;
};

static int next(void *context, struct firewall_entry *entry, struct err *err) {
	struct given *g = context;
	struct addr own;

	(void)err;
	*entry = (struct firewall_entry){.list = FIREWALL_NEVER};
	if (conf_never_at(g->conf, g->never, &entry->at)) {
		g->never++;
		return 1;
	}
	if (host_at(g->host, g->own, &own)) {
		g->own++;
		entry->at = prefix_of(own, 128);
		return 1;
	}
	while (g->i < g->list->n) {
		const struct banlist_entry *e = &g->list->entries[g->i++];

		if (!in_force(g->conf, e, g->now))
			continue;
		entry->list = e->until == TIME_NONE ? FIREWALL_BLOCK : FIREWALL_BAN;
		entry->at = e->at;
		entry->left = e->until == TIME_NONE ? 0 : e->until - g->now;
		g->bans++;
		return 1;
	}
	return 0;
}

static uint64_t stamp_of(const struct conf *conf, const struct host *host, const struct banlist *list) {
	uint64_t hash = hash_bytes(list->mark, &conf->mode, sizeof(conf->mode));
	struct addr own;

	for (uint32_t i = 0; host_at(host, i, &own); i++)
		hash = hash_bytes(hash, &own, sizeof(own));
	hash = firewall_shape(conf, hash);
	return (hash ^ hash >> 32) & UINT32_MAX;
}

int apply_firewall(struct applied *out, const struct conf *conf, const struct banlist *list, int64_t now,
                   struct err *err) {
	struct given given = {.conf = conf, .list = list, .now = now};
	struct firewall_entry entry;
	struct firewall *fw = NULL;
	struct host *host = NULL;
	uint64_t stamp;
	int current, result = -1;

	if (conf->firewall.backend == BACKEND_NONE)
		return err_set(
			err, ERR_POLICY,
			"firewall.backend is none: nothing is installed; set nftables, or write a map (--nginx, --haproxy)");
	if (host_open(&host, HOST_RESOLVERS, err) < 0 || firewall_open(&fw, conf, err) < 0)
		goto out;
	given.host = host;
	stamp = stamp_of(conf, host, list);
	firewall_set_keeper(fw, FIREWALL_APPLY);
	current = firewall_is_current(fw, stamp, err);
	if (current < 0)
		goto out;
	if (current == 0 && firewall_replace(fw, stamp, next, &given, err) < 0)
		goto out;
	while (current == 1 && next(&given, &entry, err) > 0)
		;
	*out = (struct applied){given.bans, current == 0};
	result = 0;
out:
	firewall_close(&fw);
	host_close(&host);
	return result;
}

/* ---- maps ---- */

struct map {
	const struct conf *conf;
	const char *tail; /* of a line */
	struct buf text;
};

static void put_line(struct map *m, struct prefix p) {
	char at[PREFIX_TEXT];

	prefix_print(p, at);
	buf_printf(&m->text, "%s%s\n", at, m->tail);
}

static bool is_never(const struct conf *conf, struct prefix p) {
	struct prefix never;

	for (uint32_t i = 0; conf_never_at(conf, i, &never); i++)
		if (never.bits <= p.bits && prefix_has(never, p.base))
			return true;
	return false;
}

/* What is left of p without all that is never banned: a map has no order in which it asks. A prefix of IPv6 holds none of IPv4, though
 * ours are of one space. */
static void put_outside(struct map *m, struct prefix p, bool v4) {
	struct prefix half;

	if ((p.bits >= 96 && addr_is_v4(p.base)) != v4 || is_never(m->conf, p))
		return;
	if (!conf_never_overlaps(m->conf, p)) {
		put_line(m, p);
		return;
	}
	half = prefix_of(p.base, p.bits + 1U);
	put_outside(m, half, v4);
	half.base.b[p.bits / 8] |= (uint8_t)(0x80U >> p.bits % 8);
	put_outside(m, half, v4);
}

/* Whether the file holds that text already. */
static bool holds(int folder, const char *name, struct slice text) {
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char part[65536];
	ssize_t got = -1;

	while (fd >= 0 && (got = read(fd, part, sizeof(part))) > 0) {
		if ((size_t)got > text.n || memcmp(part, text.p, (size_t)got) != 0) {
			got = -1;
			break;
		}
		text.p += got;
		text.n -= (size_t)got;
	}
	if (fd >= 0)
		(void)close(fd);
	return got == 0 && text.n == 0;
}

static int write_map(const char *path, struct slice text, bool *changed, struct err *err) {
	static const struct newfile_access access = {.mode = 0644, .group = (gid_t)-1};
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char place[4096];
	struct newfile f;
	int folder, result = -1;

	if (name[0] == '\0' || (slash && (size_t)(slash - path) >= sizeof(place)))
		return err_set(err, ERR_INPUT, "%.64s: not the name of a file", path);
	(void)snprintf(place, sizeof(place), "%.*s", slash ? (int)(slash - path) : 0, path);
	if (slash == path || !slash)
		(void)snprintf(place, sizeof(place), "%s", slash ? "/" : ".");
	folder = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0) {
		(void)err_errno(err, "%s", place);
		err->class = errno == ENOENT || errno == ENOTDIR ? ERR_INPUT : ERR_SYSTEM;
		return -1;
	}
	*changed = !holds(folder, name, text);
	if (!*changed) {
		result = 0;
		goto out;
	}
	if (newfile_begin(&f, folder, place, name, err) < 0)
		goto out;
	if (newfile_add(&f, text, err) < 0) {
		newfile_drop(&f);
		goto out;
	}
	if (newfile_end(&f, &access, false, err) < 0)
		goto out;
	result = fsync(folder) == 0 ? 0 : err_errno(err, "%s", place);
out:
	(void)close(folder);
	return result;
}

int apply_map(struct applied *out, const struct conf *conf, const struct banlist *list, int64_t now, enum apply_map map,
              const char *path, struct err *err) {
	struct map m = {.conf = conf, .tail = map == APPLY_NGINX ? " 1;" : ""};
	struct applied applied = {0};
	int result = -1;

	buf_init(&m.text, MAP_MAX);
	buf_text(&m.text, "# The addresses that are banned now. Written by `provctl apply`; changes are lost.\n");
	for (uint32_t i = 0; i < list->n; i++) {
		struct prefix at = list->entries[i].at;

		if (!in_force(conf, &list->entries[i], now))
			continue;
		put_outside(&m, at, at.bits >= 96 && addr_is_v4(at.base));
		applied.bans++;
	}
	if (m.text.failed) {
		(void)err_set(err, ERR_SYSTEM, "%s: too long, or out of memory", path);
		goto out;
	}
	if (write_map(path, (struct slice){m.text.p, m.text.n}, &applied.changed, err) < 0)
		goto out;
	*out = applied;
	result = 0;
out:
	buf_release(&m.text);
	return result;
}
