#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sandbox.h"

#include "cmd/confine.h"
#include "cmd/confine_private.h"

#define MEMORY_MAX (2ULL << 30)
#define FILES_MAX  (2 * LINK_LOGS_MAX)

/* The folder in which a log stands or will stand, with all that is below: the deepest one that a pattern does not choose, or, where it is yet
 * to be made, the deepest that is there. The root of all is taken where it is meant only. */
static void add_place(struct paths *p, const char *path) {
	size_t n = strcspn(path, "*?[");
	bool chosen = path[n] != '\0';
	char folder[PATH_MAX];
	struct stat st;
	char *slash;

	if (n >= sizeof(folder))
		return;
	memcpy(folder, path, n);
	folder[n] = '\0';
	slash = strrchr(folder, '/');
	if (slash == folder) {
		paths_add(p, chosen ? "/" : path, chosen ? 1 : strlen(path));
		return;
	}
	while (slash && slash > folder) {
		*slash = '\0';
		if (stat(folder, &st) == 0) {
			paths_add(p, folder, strlen(folder));
			return;
		}
		slash = strrchr(folder, '/');
	}
}

static void add_logs(struct paths *p, const char *path) {
	glob_t found = {0};

	add_place(p, path);
	/* Links lead elsewhere; those that come later are found by the next analyzer. */
	if (glob(path, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			char *real = realpath(found.gl_pathv[i], NULL);

			if (real && strcmp(real, found.gl_pathv[i]) != 0)
				paths_add_folder(p, real);
			free(real);
		}
	globfree(&found);
}

int confine_analyzer_user(const struct conf *conf, struct err *err) {
	/* Who may read logs and journals on Debian and its kin. */
	static const char *const groups[] = {"adm", "systemd-journal", NULL};
	bool root = strcmp(conf->users.analyzer, "root") == 0 && geteuid() == 0;

	return sandbox_become(conf->users.analyzer, "users.analyzer", root ? SANDBOX_READ_ALL : 0, groups, err);
}

int confine_analyzer(const struct conf *conf, const struct conf_source *sources, uint32_t nsources, struct err *err) {
	static const char *const journals[] = {"/var/log/journal", "/run/log/journal", "/etc/machine-id"};
	static const char *const zones[] = {"/etc/localtime", "/usr/share/zoneinfo"};
	struct paths readable = {0};
	int result = -1;

	for (uint32_t i = 0; i < nsources; i++) {
		const struct conf_journal *journal = sources[i].journal;

		if (!journal && strcmp(sources[i].path, "-") != 0)
			add_logs(&readable, sources[i].path);
		else if (journal && journal->directory)
			paths_add(&readable, journal->directory, strlen(journal->directory));
		for (size_t k = 0; journal && k < sizeof(journals) / sizeof(journals[0]); k++)
			paths_add(&readable, journals[k], strlen(journals[k]));
	}
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		paths_add(&readable, zones[i], strlen(zones[i]));
	/* Databases are replaced by their updaters. */
	if (conf->geoip.asn[0])
		paths_add_folders(&readable, conf->geoip.asn);
	if (conf->geoip.country[0])
		paths_add_folders(&readable, conf->geoip.country);
	if (paths_check(&readable, err) == 0) {
		const struct sandbox_profile profile = {.calls =
		                                            SANDBOX_READ | SANDBOX_WATCH | SANDBOX_THREADS | SANDBOX_COMPILE,
		                                        .readable = (const char *const *)readable.at,
		                                        .memory = MEMORY_MAX,
		                                        .files = FILES_MAX};

		result = sandbox_enter(&profile, err);
	}
	paths_release(&readable);
	return result;
}
