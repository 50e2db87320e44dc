#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/geo.h"

#define DATABASE_MAX (1L << 30)

struct database {
	const char *path; /* the configuration's; "" for none */
	bool open;
	MMDB_s mmdb;
	/* What was read, or tried. */
	bool tried;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
	char problem[256];
};

struct geo {
	struct database country, asn;
	time_t looked;
};

/* A private copy of the file, which nobody can change or cut under us. -1 where that cannot be had. */
static int copy_open(int from) {
	int fd = memfd_create("mmdb", MFD_CLOEXEC);
	char bytes[65536];
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		if (write(fd, bytes, (size_t)n) != n)
			break;
	if (n != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void database_problem(struct database *db, const char *why) {
	(void)snprintf(db->problem, sizeof(db->problem), "geoip: %s: %s", db->path, why);
}

static void database_load(struct database *db, int file, const struct stat *st) {
	char name[64];
	int copy = -1;
	int code;
	MMDB_s mmdb;

	if (!S_ISREG(st->st_mode) || st->st_size > DATABASE_MAX) {
		database_problem(db, "not a regular file of at most 1 GiB");
		return;
	}
	copy = copy_open(file);
	if (copy < 0) {
		database_problem(db, strerror(errno));
		return;
	}
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", copy);
	code = MMDB_open(name, MMDB_MODE_MMAP, &mmdb);
	(void)close(copy);
	if (code != MMDB_SUCCESS) {
		database_problem(db, MMDB_strerror(code));
		return;
	}
	if (db->open)
		MMDB_close(&db->mmdb);
	db->mmdb = mmdb;
	db->open = true;
	db->problem[0] = '\0';
}

/* What was read before stays in use where the new file is broken. */
static void database_refresh(struct database *db) {
	struct stat st;
	int file;

	if (!*db->path)
		return;
	file = open(db->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0 || fstat(file, &st)) {
		database_problem(db, strerror(errno));
		db->tried = false;
		if (file >= 0)
			(void)close(file);
		return;
	}
	if (!db->tried || st.st_dev != db->dev || st.st_ino != db->ino || st.st_size != db->size ||
	    st.st_mtim.tv_sec != db->changed.tv_sec || st.st_mtim.tv_nsec != db->changed.tv_nsec) {
		db->tried = true;
		db->dev = st.st_dev;
		db->ino = st.st_ino;
		db->size = st.st_size;
		db->changed = st.st_mtim;
		database_load(db, file, &st);
	}
	(void)close(file);
}

static bool entry_find(struct database *db, struct addr ip, MMDB_entry_s *entry) {
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	bool is4 = addr_is_v4(ip);
	MMDB_lookup_result_s found;
	int code = MMDB_SUCCESS;

	if (!db->open)
		return false;
	memcpy(&v4.sin_addr, ip.b + 12, 4);
	memcpy(&v6.sin6_addr, ip.b, 16);
	found = MMDB_lookup_sockaddr(&db->mmdb, is4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6, &code);
	if (code == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
		return false;
	if (code != MMDB_SUCCESS) {
		database_problem(db, MMDB_strerror(code));
		return false;
	}
	*entry = found.entry;
	return found.found_entry;
}

/* The value at a path of keys; absence is no problem, anything else that fails is the database's. */
static bool value_find(struct database *db, MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *data) {
	int code = MMDB_aget_value(entry, data, path);

	if (code == MMDB_SUCCESS)
		return data->has_data;
	if (code != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
		database_problem(db, MMDB_strerror(code));
	return false;
}

int geo_open(struct geo **out, const struct conf *conf, struct err *err) {
	struct geo *geo = calloc(1, sizeof(*geo));

	if (!geo)
		return err_errno(err, "geoip");
	geo->country.path = conf->geoip.country ? conf->geoip.country : "";
	geo->asn.path = conf->geoip.asn ? conf->geoip.asn : "";
	geo_refresh(geo);
	*out = geo;
	return 0;
}

void geo_close(struct geo **geo) {
	if (!*geo)
		return;
	if ((*geo)->country.open)
		MMDB_close(&(*geo)->country.mmdb);
	if ((*geo)->asn.open)
		MMDB_close(&(*geo)->asn.mmdb);
	free(*geo);
	*geo = NULL;
}

void geo_refresh(struct geo *geo) {
	struct timespec now;

	if (!geo || clock_gettime(CLOCK_MONOTONIC, &now) || (geo->looked && now.tv_sec <= geo->looked))
		return;
	geo->looked = now.tv_sec;
	database_refresh(&geo->country);
	database_refresh(&geo->asn);
}

void geo_find(struct geo *geo, struct addr ip, char country[2], uint32_t *asn) {
	static const char *const code_path[] = {"country", "iso_code", NULL};
	static const char *const asn_path[] = {"autonomous_system_number", NULL};
	MMDB_entry_data_s data;
	MMDB_entry_s entry;

	country[0] = country[1] = '\0';
	*asn = 0;
	if (!geo || (!geo->country.open && !geo->asn.open) || addr_is_none(ip))
		return;
	if (entry_find(&geo->country, ip, &entry) && value_find(&geo->country, &entry, code_path, &data) &&
	    data.type == MMDB_DATA_TYPE_UTF8_STRING && data.data_size == 2 && data.utf8_string[0] >= 'A' &&
	    data.utf8_string[0] <= 'Z' && data.utf8_string[1] >= 'A' && data.utf8_string[1] <= 'Z')
		memcpy(country, data.utf8_string, 2);
	if (entry_find(&geo->asn, ip, &entry) && value_find(&geo->asn, &entry, asn_path, &data) &&
	    data.type == MMDB_DATA_TYPE_UINT32)
		*asn = data.uint32;
}

const char *geo_problem(const struct geo *geo) {
	if (!geo)
		return "";
	return *geo->country.problem ? geo->country.problem : geo->asn.problem;
}
