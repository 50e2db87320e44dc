/* prov-analyzer: log lines in, events out to the enforcer. Started by `provctl analyze`; unprivileged; keeps nothing.
 *
 *     prov-analyzer [-c FILE] [-n] [--follow] [--link-fd N] [--report-fd N] [--go-fd N] [--beat S] [--format F] [--year-at TIME]
 *                   [--timezone Z] [FILE...]
 *
 * Without --link-fd and --go-fd it connects to the enforcer's events.sock. FILEs replace the configured sources; "-" is standard input. -n only
 * reads configuration and rules. To --report-fd go JSON objects, one a line: {"progress": {...}} while it runs, and
 * {"summary": {...}} at its end. SIGTERM and SIGINT end it after the batch at hand. Exit status as provctl's.
 *
 * With --follow it waits for more instead of ending, and says {"begins": true} when the enforcer has told where to read on. With --go-fd, a socket, it says {"ready": true} when configuration and rules are read, and waits for
 * a byte from there before it talks to the enforcer; the link may come with that (SCM_RIGHTS). With --beat it says {"alive": true} every so many milliseconds, as long as it goes on and the enforcer
 * answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/js.h"
#include "common/sandbox.h"
#include "common/timefmt.h"

#include "analyzer/guess.h"
#include "analyzer/journal.h"
#include "analyzer/pass.h"

#include "cmd/confine.h"

#define SNIFF_MAX 65536

struct options {
	const char *conf_file;
	bool only_check;
	bool follow;
	int link, report, go;
	uint64_t beat;
	const char *format, *timezone;
	int64_t year_at;
	char **files;
	int nfiles;
};

static volatile sig_atomic_t stop;
static int wake = -1;
static bool talking; /* to the enforcer */

static void on_signal(int number) {
	const uint64_t one = 1;
	int kept = errno;

	(void)number;
	stop = 1;
	/* A wait that begins just now must end too. */
	if (wake >= 0 && write(wake, &one, sizeof(one)) < 0)
		stop = 2;
	errno = kept;
}

static int usage(FILE *out, int exit) {
	(void)fputs("usage: prov-analyzer [-c FILE] [-n] [--follow] [--link-fd N] [--report-fd N]\n"
	            "                     [--go-fd N] [--beat MS] [--format F] [--year-at TIME]\n"
	            "                     [--timezone ZONE] [FILE...]\n"
	            "example: prov-analyzer --format combined /var/log/nginx/access.log.1\n",
	            out);
	return exit;
}

static int fail(const struct err *err) {
	(void)fprintf(stderr, "provctl: %s\n", err->text);
	return (int)err->class;
}

static bool parse_descriptor(const char *text, int *out) {
	uint64_t number;

	if (!slice_number(slice_of(text), INT_MAX, &number))
		return false;
	*out = (int)number;
	return true;
}

/* False: bad usage. */
static bool parse_options(struct options *o, int argc, char **argv, bool *help) {
	enum { LINK_FD = 256, REPORT_FD, GO_FD, FOLLOW, BEAT, FORMAT, YEAR_AT, TIMEZONE, HELP };
	static const struct option known[] = {
		{"link-fd", required_argument, NULL, LINK_FD},
		{"report-fd", required_argument, NULL, REPORT_FD},
		{"go-fd", required_argument, NULL, GO_FD},
		{"follow", no_argument, NULL, FOLLOW},
		{"beat", required_argument, NULL, BEAT},
		{"format", required_argument, NULL, FORMAT},
		{"year-at", required_argument, NULL, YEAR_AT},
		{"timezone", required_argument, NULL, TIMEZONE},
		{"help", no_argument, NULL, HELP},
		{0},
	};
	int option;

	*o = (struct options){.link = -1, .report = -1, .go = -1};
	while ((option = getopt_long(argc, argv, "c:n", known, NULL)) != -1) {
		bool sound = true;

		switch (option) {
		case 'c':
			o->conf_file = optarg;
			break;
		case 'n':
			o->only_check = true;
			break;
		case LINK_FD:
			sound = parse_descriptor(optarg, &o->link);
			break;
		case REPORT_FD:
			sound = parse_descriptor(optarg, &o->report);
			break;
		case GO_FD:
			sound = parse_descriptor(optarg, &o->go);
			break;
		case FOLLOW:
			o->follow = true;
			break;
		case BEAT:
			sound = slice_number(slice_of(optarg), INT_MAX, &o->beat);
			break;
		case FORMAT:
			o->format = optarg;
			break;
		case YEAR_AT:
			sound = time_parse(slice_of(optarg), &o->year_at);
			break;
		case TIMEZONE:
			o->timezone = optarg;
			break;
		case HELP:
			*help = true;
			break;
		default:
			return false;
		}
		if (!sound) {
			(void)fprintf(stderr, "provctl: %s: not understood\n", optarg);
			return false;
		}
	}
	o->files = argv + optind;
	o->nfiles = argc - optind;
	return true;
}

/* ---- FILEs as sources ---- */

struct file_sources {
	struct conf_source *at;
	uint32_t n;
	bool standard_input;
	char *peeked;
	size_t npeeked;
};

static void file_sources_release(struct file_sources *f) {
	for (uint32_t i = 0; i < f->n; i++)
		free(f->at[i].path);
	free(f->at);
	free(f->peeked);
}

/* Enough of standard input to tell its format. */
static int peek_input(struct file_sources *f, struct err *err) {
	unsigned lines = 0;

	f->peeked = malloc(SNIFF_MAX);
	if (!f->peeked)
		return err_set(err, ERR_SYSTEM, "out of memory");
	while (f->npeeked < SNIFF_MAX && lines < GUESS_LINES && source_input_wait(wake)) {
		ssize_t n = read(STDIN_FILENO, f->peeked + f->npeeked, SNIFF_MAX - f->npeeked);

		if (n < 0)
			return err_errno(err, "standard input");
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			lines += f->peeked[f->npeeked + (size_t)i] == '\n';
		f->npeeked += (size_t)n;
	}
	return 0;
}

static char *absolute(const char *path) {
	char folder[PATH_MAX];
	char *out;

	if (path[0] == '/' || strcmp(path, "-") == 0)
		return strdup(path);
	if (!getcwd(folder, sizeof(folder)) || asprintf(&out, "%s/%s", folder, path) < 0)
		return NULL;
	return out;
}

/* Which source is meant: nothing is read yet. */
static int file_source(struct file_sources *f, const struct options *o, const struct conf *conf, const char *file,
                       struct err *err) {
	struct conf_source *source = &f->at[f->n];
	bool input = strcmp(file, "-") == 0;
	char *path = absolute(file);

	if (!path)
		return err_set(err, ERR_SYSTEM, "%s: out of memory", file);
	*source = (struct conf_source){.path = path};
	f->n++;
	if (input && f->standard_input)
		return err_set(err, ERR_INPUT, "standard input is given twice");
	if (input && o->follow)
		return err_set(err, ERR_INPUT, "standard input cannot be followed: it is read to its end without --follow");
	for (uint32_t i = 0; i < conf->nsources && !input; i++) {
		if (strcmp(conf->sources[i].path, path) != 0 && fnmatch(conf->sources[i].path, path, FNM_PATHNAME) != 0)
			continue;
		*source = conf->sources[i];
		source->path = path;
		break;
	}
	if (o->format) {
		source->format = (char *)o->format;
		source->pattern = NULL;
	}
	if (o->timezone)
		source->timezone = (char *)o->timezone;
	f->standard_input = f->standard_input || input;
	return 0;
}

/* Can it be read, and in which format where none is given? */
static int file_look(struct file_sources *f, struct conf_source *source, const char *file, const struct rules *rules,
                     struct err *err) {
	bool input = strcmp(file, "-") == 0;
	char *start = malloc(SNIFF_MAX);
	size_t n = SNIFF_MAX;
	const char *guessed;
	int result = -1;

	if (!start)
		return err_set(err, ERR_SYSTEM, "out of memory");
	if (!input && source_read_start(source->path, start, &n, err) < 0)
		goto out;
	if (!source->format && !source->pattern) {
		if (input && peek_input(f, err) < 0)
			goto out;
		if (format_guess(&guessed, input ? (struct slice){f->peeked, f->npeeked} : (struct slice){start, n},
		                 rules_names(rules), err) < 0) {
			(void)err_prefix(err, "%s", input ? "standard input" : file);
			goto out;
		}
		source->format = (char *)guessed;
	}
	result = 0;
out:
	free(start);
	return result;
}

static int file_sources_init(struct file_sources *f, const struct options *o, const struct conf *conf,
                             struct err *err) {
	const struct format *named;

	if (o->format && format_named(&named, slice_of(o->format), err) < 0)
		return err_prefix(err, "--format");
	f->at = calloc((size_t)o->nfiles + 1, sizeof(*f->at));
	if (!f->at)
		return err_set(err, ERR_SYSTEM, "out of memory");
	for (int i = 0; i < o->nfiles; i++)
		if (file_source(f, o, conf, o->files[i], err) < 0)
			return -1;
	return 0;
}

static int file_sources_look(struct file_sources *f, const struct options *o, const struct rules *rules,
                             struct err *err) {
	for (uint32_t i = 0; i < f->n; i++)
		if (file_look(f, &f->at[i], o->files[i], rules, err) < 0)
			return -1;
	return 0;
}

/* ---- the report ---- */

struct report {
	int fd;
	bool files; /* problems are told on standard error too */
};

static void report_line(struct report *r, const char *key, const struct pass_sums *sums, const uint64_t *left) {
	struct buf b;

	if (r->fd < 0)
		return;
	buf_init(&b, 4096);
	js_begin(&b, '{');
	js_key(&b, key);
	js_begin(&b, '{');
	js_put_number(&b, "logs", (int64_t)sums->logs);
	js_put_number(&b, "lines", (int64_t)sums->lines);
	js_put_number(&b, "bytes", (int64_t)sums->bytes);
	js_put_number(&b, "events", (int64_t)sums->events);
	js_put_number(&b, "unreadable", (int64_t)sums->unreadable);
	js_put_number(&b, "skipped", (int64_t)sums->skipped);
	js_put_number(&b, "lost", (int64_t)sums->lost);
	js_put_number(&b, "stale", (int64_t)sums->stale);
	if (left)
		js_put_number(&b, "left", (int64_t)*left);
	js_end(&b, '}');
	js_end(&b, '}');
	buf_byte(&b, '\n');
	/* Nobody has to read it: the pass goes on. */
	if (!b.failed && write(r->fd, b.p, b.n) < 0)
		r->fd = -1;
	buf_release(&b);
}

static void report_word(struct report *r, const char *word) {
	char line[64];
	int n = snprintf(line, sizeof(line), "{\"%s\":true}\n", word);

	if (r->fd >= 0 && write(r->fd, line, (size_t)n) < 0)
		r->fd = -1;
}

static void on_alive(void *context) {
	report_word(context, "alive");
}

static void on_begins(void *context) {
	report_word(context, "begins");
}

static void on_progress(void *context, const struct pass_sums *sums, uint64_t left) {
	report_line(context, "progress", sums, &left);
}

static void on_notice(void *context, struct slice name, struct slice problem) {
	const struct report *r = context;
	bool named = problem.n >= name.n && memcmp(problem.p, name.p, name.n) == 0;

	if (!r->files || problem.n == 0)
		return;
	(void)fprintf(stderr, "provctl: %.*s%s%.*s\n", named ? 0 : (int)name.n, name.p, named ? "" : ": ", (int)problem.n,
	              problem.p);
}

/* ---- */

static int connect_enforcer(const struct conf *conf, struct err *err) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s/events.sock", conf->state);
	int fd;

	if (n < 0 || (size_t)n >= sizeof(to.sun_path))
		return err_set(err, ERR_INPUT, "%s: the path is too long for a socket in it", conf->state);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	(void)err_errno(err, "%s: no enforcer answers; is prov-enforcer running?", to.sun_path);
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* 1: go; 0: it is not wanted any more. The go may bring the link. */
static int wait_for_go(int fd, int *link, struct err *err) {
	char byte;
	struct iovec bytes = {.iov_base = &byte, .iov_len = 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} with;
	struct msghdr go;
	ssize_t n;

	do {
		go = (struct msghdr){
			.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = with.bytes, .msg_controllen = sizeof(with.bytes)};
		n = recvmsg(fd, &go, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR && !stop);
	if (n < 0 && errno != EINTR)
		return err_errno(err, "--go-fd");
	if (n <= 0 || stop)
		return 0;
	if (CMSG_FIRSTHDR(&go) && CMSG_FIRSTHDR(&go)->cmsg_type == SCM_RIGHTS)
		memcpy(link, CMSG_DATA(CMSG_FIRSTHDR(&go)), sizeof(*link));
	return *link < 0 ? err_set(err, ERR_INPUT, "--go-fd: no link to the enforcer came with the go") : 1;
}

/* Patterns are compiled, and the first log is yet to be read. */
static int on_ready(void *context, struct err *err) {
	(void)context;
	return sandbox_seal(err);
}

/* Behind the closed door. */
static int analyze(const struct options *o, struct pass *pass, struct file_sources *files, struct err *err) {
	struct report *report = pass->context;
	int go = 1;

	if (o->nfiles > 0) {
		if (file_sources_look(files, o, pass->rules, err) < 0)
			return -1;
		pass->standard_input = files->standard_input;
		pass->peeked = (struct slice){files->peeked, files->npeeked};
	}
	if (o->go >= 0) {
		if (pass_check(pass, err) < 0)
			return -1;
		report_word(report, "ready");
		go = wait_for_go(o->go, &pass->link, err);
	}
	if (go > 0) {
		talking = true;
		go = pass_run(pass, err);
		report_line(report, "summary", &pass->sums, NULL);
	}
	return go;
}

/* How many processes are to read beside this one. */
static unsigned workers_wanted(const struct options *o, const struct conf *conf, const struct pass *pass,
                               const struct file_sources *files) {
	bool many = pass->nsources > 1;

	for (uint32_t i = 0; i < pass->nsources; i++)
		many = many || strpbrk(pass->sources[i].path, "*?[");
	if (!many || o->follow || files->standard_input || conf->workers == 1)
		return 0;
	return conf->workers > 0 ? conf->workers : workers_for_cores();
}

/* In a worker: of its end the pass tells. */
static int work(const struct options *o, struct pass *pass, struct file_sources *files, struct err *err) {
	if (confine_analyzer(pass->conf, pass->sources, pass->nsources, err) < 0 ||
	    (o->nfiles > 0 && file_sources_look(files, o, pass->rules, err) < 0))
		return 0;
	return pass_work(pass, err);
}

/* Nothing may stay open that somebody reads until the pass is over: a worker that hangs is not to hold him. */
static void close_others(const struct options *o, struct pass *pass) {
	const int others[] = {pass->link, o->report, o->go};
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (nothing < 0 || dup2(nothing, STDERR_FILENO) < 0)
		(void)close(STDERR_FILENO);
	if (nothing > STDERR_FILENO)
		(void)close(nothing);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i] >= 0)
			(void)close(others[i]);
	pass->link = -1;
}

static void prepare_journals(const struct pass *pass) {
	bool any = false;

	for (uint32_t i = 0; i < pass->nsources; i++)
		any = any || pass->sources[i].journal;
	if (any)
		journal_prepare();
}

static int run(const struct options *o, const struct conf *conf, struct err *err) {
	struct file_sources files = {0};
	struct workers workers = {0};
	struct report report = {.fd = o->report, .files = o->nfiles > 0};
	struct pass pass = {.conf = conf,
	                    .sources = conf->sources,
	                    .nsources = conf->nsources,
	                    .link = o->link,
	                    .year_at = o->year_at,
	                    .progress = on_progress,
	                    .notice = on_notice,
	                    .ready = on_ready,
	                    .context = &report,
	                    .stop = &stop,
	                    .follow = o->follow,
	                    .wake = wake,
	                    .beat = (int64_t)o->beat,
	                    .alive = on_alive,
	                    .begins = on_begins,
	                    .workers = &workers};
	int result = -1;

	if (rules_load(&pass.rules, conf, NULL, err) < 0)
		return -1;
	if (o->only_check) {
		result = pass_check(&pass, err);
		goto out;
	}
	if (o->nfiles > 0) {
		if (file_sources_init(&files, o, conf, err) < 0)
			goto out;
		pass.sources = files.at;
		pass.nsources = files.n;
	}
	if (geo_open(&pass.geo, conf, err) < 0 ||
	    (o->link < 0 && o->go < 0 && (pass.link = connect_enforcer(conf, err)) < 0))
		goto out;
	prepare_journals(&pass);
	if (workers_start(&workers, workers_wanted(o, conf, &pass, &files))) {
		close_others(o, &pass);
		result = work(o, &pass, &files, err);
	} else if (confine_analyzer(conf, pass.sources, pass.nsources, err) == 0) {
		result = analyze(o, &pass, &files, err);
	}
out:
	workers_end(&workers);
	if (o->link < 0 && pass.link >= 0)
		(void)close(pass.link);
	file_sources_release(&files);
	geo_close(&pass.geo);
	rules_free(&pass.rules);
	return result;
}

/* Configuration or rules cannot be used: those that follow with the former ones would not say so. */
static void tell_fault(const struct options *o, struct err *err) {
	struct err ignored;

	if (!o->follow || o->link < 0 || talking || err->class != ERR_INPUT)
		return;
	(void)err_prefix(err, "cannot be used, and are not");
	(void)pass_tell_fault(o->link, err->text, &ignored);
}

int main(int argc, char **argv) {
	struct sigaction action = {.sa_handler = on_signal};
	struct options o;
	struct conf *conf = NULL;
	struct err err;
	bool help = false;
	int exit = 0;

	if (!parse_options(&o, argc, argv, &help))
		return usage(stderr, ERR_INPUT);
	if (help)
		return usage(stdout, 0);
	/* No SA_RESTART: a wait for standard input is to end. */
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake < 0) {
		(void)err_errno(&err, "eventfd");
		return fail(&err);
	}
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
	/* Nobody waits for workers. */
	(void)sigaction(SIGCHLD, &action, NULL);
	/* Rules are read anew by a new analyzer: whoever started us sees to that. */
	if (o.follow)
		(void)sigaction(SIGHUP, &action, NULL);
	if (conf_load(&conf, o.conf_file, NULL, &err) < 0 || (!o.only_check && confine_analyzer_user(conf, &err) < 0) ||
	    run(&o, conf, &err) < 0) {
		exit = fail(&err);
		tell_fault(&o, &err);
	} else if (o.only_check)
		(void)puts("configuration OK");
	conf_free(&conf);
	return exit;
}
