#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/pass.h"
#include "analyzer/recall.h"
#include "analyzer/uplink.h"
#include "common/batch.h"

/* ---- rules of the test's own: "TIME KIND WORD", kind e: an event; n: none; l: match limit; k: the end of a worker; anything else is unreadable ---- */

static struct field_names *names;
static bool in_worker;

int rules_own_format(struct rules *rules, const char *pattern, struct format **out, struct err *err) {
	(void)rules;
	return format_own_new(out, pattern, names, err);
}

void geo_refresh(struct geo *geo) {
	(void)geo;
}

const char *geo_problem(const struct geo *geo) {
	(void)geo;
	return "";
}

int line_context_init(struct line_context *ctx, const struct conf *conf, struct rules *rules, struct geo *geo,
                      const struct format *format, const char *zone, const char *account, struct err *err) {
	*ctx = (struct line_context){.conf = conf, .rules = rules, .geo = geo, .format = format, .account = account};
	return time_context_new(&ctx->time, zone, err);
}

int recall_new(struct recall **out, const struct line_context *ctx, struct err *err) {
	(void)ctx;
	(void)err;
	*out = NULL;
	return 0;
}

void recall_free(struct recall **recall) {
	*recall = NULL;
}

void line_context_release(struct line_context *ctx) {
	time_context_free(&ctx->time);
}

struct slice evidence_of(struct buf *out, struct slice line, struct slice folder) {
	(void)out;
	(void)folder;
	return line;
}

/* The number by which a process knows that events say the same of the phone: in the order in which it met them. */
static char met[64];

static uint64_t number_of(char vendor) {
	size_t n = strlen(met);
	const char *at = memchr(met, vendor, n);

	assert_true(at || n + 1 < sizeof(met));
	if (!at)
		met[n] = vendor;
	return (uint64_t)(at ? at - met : (ptrdiff_t)n) + 1;
}

enum outcome rules_event(struct line_context *ctx, struct slice line, struct event *e) {
	char text[256], kind, word[32];
	long long time;

	(void)ctx;
	(void)slice_copy(line, text, sizeof(text));
	if (sscanf(text, "%lld %c %31s", &time, &kind, word) != 3)
		return OUTCOME_UNREADABLE;
	if (kind == 'l')
		return OUTCOME_LIMIT;
	if (kind == 'k' && in_worker)
		(void)raise(SIGKILL);
	if (kind != 'e' && kind != 'w')
		return OUTCOME_NONE;
	*e = (struct event){.kind = EVENT_PROVISION_SERVED, .proof = PROOF_HANDSHAKE, .time = time, .mac = 0x1565abcdef};
	/* w: an event that no enforcer takes. */
	e->mac = kind == 'w' ? MAC_NONE : e->mac;
	assert_true(addr_parse("203.0.113.7", 11, &e->ip));
	e->line = (struct slice){line.p + (strstr(text, word) - text), strlen(word)};
	/* Its first letter is the phone's vendor. */
	e->vendor = (struct slice){e->line.p, 1};
	e->alike = number_of(word[0]);
	return OUTCOME_EVENT;
}

/* ---- an enforcer that keeps cursors and the order of events ---- */

#define CURSORS 2048

struct enforcer {
	int fd;
	pthread_t thread;
	struct cursor kept[CURSORS];
	uint32_t nkept;
	uint32_t own[CURSORS]; /* id of a session's own numbers */
	struct buf events;     /* words of the committed events, each with a blank before */
	unsigned greeted, batches, committed, empty, done, notices;
	unsigned die_at;    /* the batch at which it dies; 0 never */
	unsigned stale_at;  /* the batch that it calls stale */
	bool commit_first;  /* ... after having committed it: the answer is lost, or another was quicker */
	unsigned refuse_at; /* the batch that it refuses */
	uint32_t took;      /* what it says that a batch took */
	unsigned hold_at;   /* the batch that it takes up, and answers when it is told to */
	bool held;
	unsigned late_at; /* the batch that held the word "late" */
	uint32_t largest; /* events of a batch behind hold_at */
	bool dead;
	bool stale;                                      /* until HELLO */
	uint32_t wanted[LINK_EVENTS_MAX], nwanted, told; /* events whose texts are wanted; how many came */
	struct buf texts;
	uint64_t input_offset;
	struct cursor input;
	char fault[sizeof(((struct err *)0)->text) + 64];
};

static struct enforcer it;
static pthread_mutex_t committing = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t let_go = PTHREAD_COND_INITIALIZER;

static void fault(const char *what) {
	if (!it.fault[0])
		(void)snprintf(it.fault, sizeof(it.fault), "batch %u: %s", it.batches, what);
}

static void answer(struct buf *b) {
	if (send(it.fd, b->p, b->n, MSG_NOSIGNAL) != (ssize_t)b->n)
		it.dead = true;
	buf_release(b);
}

static void tell_cursors(void) {
	struct buf b;
	size_t begin;

	buf_init(&b, 1U << 22);
	/* In frames of three, as a large list would come. */
	for (uint32_t i = 0; i < it.nkept; i += 3) {
		uint32_t n = it.nkept - i < 3 ? it.nkept - i : 3;

		begin = frame_begin(&b, LINK_CURSORS);
		put_u32(&b, n);
		for (uint32_t k = i; k < i + n; k++)
			cursor_encode(&b, &it.kept[k]);
		frame_end(&b, begin);
	}
	begin = frame_begin(&b, LINK_READY);
	frame_end(&b, begin);
	memset(it.own, 0, sizeof(it.own));
	it.greeted++;
	answer(&b);
}

static void tell_seq(enum link_type type, uint64_t seq) {
	struct buf b;
	size_t begin;

	buf_init(&b, 64);
	begin = frame_begin(&b, type);
	put_u64(&b, seq);
	frame_end(&b, begin);
	answer(&b);
}

static void tell_ack(uint64_t seq) {
	struct buf b;
	size_t begin;

	buf_init(&b, 64);
	begin = frame_begin(&b, LINK_ACK);
	put_u64(&b, seq);
	put_u32(&b, it.took);
	frame_end(&b, begin);
	answer(&b);
}

static struct slice copied(struct slice s) {
	return (struct slice){strndup(s.n ? s.p : "", s.n), s.n};
}

static void free_texts(struct cursor *c) {
	free((char *)c->name.p);
	free((char *)c->file.p);
	free((char *)c->sample.p);
}

static void keep(struct cursor *at, const struct cursor *to, uint32_t id) {
	free_texts(at);
	*at = *to;
	at->id = id;
	at->name = copied(to->name);
	at->file = copied(to->file);
	at->sample = copied(to->sample);
}

struct place {
	uint64_t from;
	struct cursor to;
};

static bool commit(const struct place *places, uint32_t n, struct slice events, struct slice texts) {
	struct batch_view view = {0};
	struct batch_walk walk;
	uint32_t nevents = 0;
	struct err err;

	for (uint32_t i = 0; i < n; i++) {
		const struct cursor *to = &places[i].to;
		uint32_t id = to->id & CURSOR_NEW ? it.own[to->id & ~CURSOR_NEW] : to->id;
		uint64_t stored = to->transient ? it.input_offset : id ? it.kept[id - 1].offset : 0;

		if (places[i].from != stored)
			return false;
	}
	if (batch_read(&view, events, &err) < 0) {
		fault(err.text);
		return true;
	}
	batch_walk_begin(&walk, &view);
	batch_walk_wanted(&walk, it.wanted, it.nwanted, texts);
	while (batch_next(&walk)) {
		const struct event *e = &walk.e;

		nevents++;
		if (!walk.with_texts)
			fault("an event without its evidence");
		if (e->cursor >= n || e->offset < places[e->cursor].from || e->offset >= places[e->cursor].to.offset)
			fault("an event from outside its part");
		if (e->vendor.n != 1 || e->line.n == 0 || e->vendor.p[0] != e->line.p[0])
			fault("an event with the words of another");
		it.late_at = slice_is(e->line, "late") ? it.batches : it.late_at;
		buf_byte(&it.events, ' ');
		buf_add(&it.events, e->line.p, e->line.n);
	}
	batch_view_release(&view);
	for (uint32_t i = 0; i < n; i++) {
		const struct cursor *to = &places[i].to;
		uint32_t id = to->id;

		if (to->transient) {
			it.input_offset = to->offset;
			it.input = *to;
			continue;
		}
		if (id & CURSOR_NEW) {
			uint32_t *own = &it.own[id & ~CURSOR_NEW];

			if (*own == 0)
				*own = ++it.nkept;
			id = *own;
		}
		keep(&it.kept[id - 1], to, id);
	}
	it.committed++;
	it.empty += nevents == 0;
	it.largest = it.batches > it.hold_at && nevents > it.largest ? nevents : it.largest;
	return true;
}

/* Wants the texts of all events that came without: true where there are any. */
static bool want(uint64_t seq, struct slice events) {
	struct batch_view view = {0};
	struct batch_walk walk;
	struct buf b;
	struct err err;
	size_t begin;

	it.nwanted = it.told = 0;
	buf_clear(&it.texts);
	if (batch_read(&view, events, &err) < 0) {
		fault(err.text);
		return false;
	}
	buf_init(&b, 1U << 20);
	begin = frame_begin(&b, LINK_WANT);
	put_u64(&b, seq);
	batch_walk_begin(&walk, &view);
	while (batch_next(&walk))
		if (!walk.with_texts) {
			it.wanted[it.nwanted++] = walk.next - 1;
			put_u32(&b, walk.next - 1);
		}
	frame_end(&b, begin);
	batch_view_release(&view);
	if (it.nwanted > 0)
		answer(&b);
	buf_release(&b);
	return it.nwanted > 0;
}

/* False: it must come again, with its texts. */
static bool batch(struct slice in) {
	static struct place places[CURSORS];
	uint64_t seq;
	uint32_t n;
	struct err err;

	if (get_u64(&in, &seq) < 0 || get_u32(&in, &n) < 0 || n == 0 || n > CURSORS) {
		fault("malformed");
		return true;
	}
	for (uint32_t i = 0; i < n; i++)
		if (get_u64(&in, &places[i].from) < 0 || cursor_decode(&in, &places[i].to, &err) < 0 ||
		    places[i].to.transient != (places[i].to.id == 0) || places[i].to.offset < places[i].from)
			fault("malformed cursor");
	if (it.told == 0 && want(seq, in))
		return false;
	it.batches++;
	it.held = it.batches == it.hold_at;
	while (it.held)
		(void)pthread_cond_wait(&let_go, &committing);
	if (it.batches == it.refuse_at) {
		struct buf b;
		size_t begin;

		buf_init(&b, 64);
		begin = frame_begin(&b, LINK_REFUSED);
		buf_text(&b, "the disk is full");
		frame_end(&b, begin);
		answer(&b);
		it.dead = true;
	} else if (it.batches == it.die_at || it.batches == it.stale_at) {
		if (it.commit_first && !commit(places, n, in, (struct slice){it.texts.p, it.texts.n}))
			fault("stale");
		it.dead = it.batches == it.die_at;
		if (!it.dead) {
			tell_seq(LINK_STALE, seq);
			tell_cursors();
			it.stale = true;
		}
	} else if (commit(places, n, in, (struct slice){it.texts.p, it.texts.n})) {
		tell_ack(seq);
	} else {
		fault("stale");
	}
	it.nwanted = it.told = 0;
	return true;
}

static void texts(struct slice body) {
	struct err err;
	uint64_t seq;
	int64_t n;

	if (get_u64(&body, &seq) < 0 || (n = batch_texts_check(body, it.nwanted - it.told, &err)) <= 0) {
		fault("texts that nobody wanted");
		return;
	}
	it.told += (uint32_t)n;
	buf_add(&it.texts, body.p, body.n);
}

/* Deals with one frame; batches behind one that waits for its texts stay where they are. */
static bool serve_one(struct buf *in) {
	struct slice rest = {in->p, in->n}, body;
	enum link_type type = LINK_BATCH;
	size_t begin = 0, end;
	bool waits = it.told < it.nwanted, done = true;
	struct err err;
	int taken;

	while ((taken = frame_take(&rest, &type, &body, &err)) > 0 && waits && type != LINK_TEXTS)
		begin = in->n - rest.n;
	if (taken <= 0)
		return false;
	end = in->n - rest.n;
	(void)pthread_mutex_lock(&committing);
	if (type == LINK_HELLO && !it.stale)
		tell_cursors();
	else if (type == LINK_HELLO)
		it.stale = false;
	else if (type == LINK_BATCH && !it.stale)
		done = batch(body);
	else if (type == LINK_TEXTS)
		texts(body);
	else if (type == LINK_NOTICE)
		it.notices++;
	else if (type == LINK_DONE && !it.stale) {
		it.done++;
		tell_ack(0);
	}
	(void)pthread_mutex_unlock(&committing);
	if (done) {
		memmove(in->p + begin, in->p + end, in->n - end);
		in->n -= end - begin;
	}
	return true;
}

static void *serve(void *unused) {
	struct buf in;
	ssize_t n = 1;

	(void)unused;
	buf_init(&in, 1U << 22);
	while (n > 0 && !it.dead) {
		while (!it.dead && serve_one(&in))
			;
		if (it.dead)
			break;
		n = recv(it.fd, buf_reserve(&in, 65536), 65536, 0);
		in.n += n > 0 ? (size_t)n : 0;
	}
	buf_release(&in);
	(void)close(it.fd);
	return NULL;
}

/* ---- a world ---- */

static struct {
	char folder[64];
	struct conf conf;
	struct conf_source sources[4];
	struct pass pass;
	struct workers workers;
	unsigned nworkers;
	bool dies;       /* the first of them, before a log is lent */
	unsigned killed; /* of them, in the last pass */
	volatile sig_atomic_t stop;
} w;

static int set_up(void **state) {
	(void)state;
	memset(&w, 0, sizeof(w));
	w.pass.wake = -1;
	memset(&it, 0, sizeof(it));
	buf_init(&it.events, 1U << 24);
	buf_init(&it.texts, 1U << 24);
	strcpy(w.folder, "/tmp/test_pass.XXXXXX");
	assert_non_null(mkdtemp(w.folder));
	names = field_names_new();
	assert_non_null(names);
	return 0;
}

static int set_up_workers(void **state) {
	int result = set_up(state);

	w.nworkers = 2;
	return result;
}

static void forget(void) {
	for (uint32_t i = 0; i < it.nkept; i++)
		free_texts(&it.kept[i]);
	buf_release(&it.events);
	buf_release(&it.texts);
	memset(&it, 0, sizeof(it));
	buf_init(&it.events, 1U << 24);
	buf_init(&it.texts, 1U << 24);
}

static int tear_down(void **state) {
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", w.folder);
	assert_int_equal(system(command), 0);
	for (uint32_t i = 0; i < w.conf.nsources; i++)
		free(w.sources[i].path);
	forget();
	field_names_free(&names);
	return 0;
}

static void source(const char *path) {
	struct conf_source *s = &w.sources[w.conf.nsources++];

	s->format = "combined";
	s->timezone = "UTC";
	if (strcmp(path, "-") == 0)
		s->path = strdup(path);
	else
		assert_true(asprintf(&s->path, "%s/%s", w.folder, path) > 0);
	w.conf.sources = w.sources;
}

static void put(const char *path, const char *mode, const char *text) {
	char whole[256];
	FILE *f;

	(void)snprintf(whole, sizeof(whole), "%s/%s", w.folder, path);
	f = fopen(whole, mode);
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Before there is a thread. */
static void start_workers(void) {
	struct err err = {0};

	w.pass.workers = w.nworkers > 0 ? &w.workers : NULL;
	w.pass.share_min = 1;
	if (!workers_start(&w.workers, w.nworkers))
		return;
	in_worker = true;
	memset(met, 0, sizeof(met));
	if (w.dies && w.workers.at[0].number == 1)
		(void)raise(SIGKILL);
	if (pass_work(&w.pass, &err) < 0)
		(void)fprintf(stderr, "worker: %s\n", err.text);
	_exit(err.text[0] != '\0');
}

static void end_workers(void) {
	bool told = workers_problem(&w.workers)[0] != '\0';
	int status;

	workers_end(&w.workers);
	w.killed = 0;
	for (unsigned i = 0; i < w.nworkers; i++) {
		assert_true(wait(&status) > 0);
		w.killed += WIFSIGNALED(status);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	}
	assert_int_equal(told, w.killed > 0);
}

/* One pass; -1 where it broke. */
static int pass_of(uint32_t batch_max, struct err *err) {
	int fds[2];
	int result;

	it.batches = it.committed = it.empty = it.done = it.notices = 0;
	it.dead = it.stale = false;
	it.input_offset = 0;
	memset(it.own, 0, sizeof(it.own));
	w.pass.conf = &w.conf;
	w.pass.sources = w.sources;
	w.pass.nsources = w.conf.nsources;
	start_workers();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	it.fd = fds[0];
	assert_int_equal(pthread_create(&it.thread, NULL, serve, NULL), 0);
	w.pass.link = fds[1];
	w.pass.batch_max = batch_max;
	w.pass.stop = &w.stop;
	result = pass_run(&w.pass, err);
	(void)close(fds[1]);
	assert_int_equal(pthread_join(it.thread, NULL), 0);
	end_workers();
	assert_string_equal(it.fault, "");
	return result;
}

static void passes(uint32_t batch_max) {
	struct err err = {0};

	if (pass_of(batch_max, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(it.done, 1);
}

static char *committed(void) {
	return strndup(it.events.n ? it.events.p : "", it.events.n);
}

static void is_committed(const char *expected) {
	char *words = committed();

	assert_string_equal(words, expected);
	free(words);
}

/* Three logs whose times overlap, run backwards at places, and are full of other lines; long enough to be lent. */
static void three_logs(void) {
	static const char *const files[] = {"a", "b", "c"};
	unsigned seed = 7;

	for (int i = 0; i < 3; i++) {
		int time = 1000;

		put(files[i], "w", "");
		for (int k = 0; k < 40; k++) {
			char line[256];

			seed = seed * 1103515245 + 12345;
			time += (int)(seed >> 16 & 7) - 2;
			(void)snprintf(line, sizeof(line), "%s%d %c %s%d %120s\n", k % 7 == 3 ? "?" : "", time,
			               "enene"[seed >> 20 & 3], files[i], k, "");
			put(files[i], "a", line);
		}
	}
}

static void three_sources(void) {
	source("a");
	source("b");
	source("c");
	three_logs();
}

/* ---- tests ---- */

static void test_merge(void **state) {
	(void)state;
	source("a");
	source("b");
	put("a", "w", "10 e a1\n12 e a2\n11 e a3\n15 n x\n20 e a4\n");
	put("b", "w", "9 e b1\n10 e b2\n12 e b3\n13 e b4\n");
	passes(0);
	/* a3 is older than a2, but stands behind it: its key is a2's. */
	is_committed(" b1 a1 b2 a2 a3 b3 b4 a4");
	assert_int_equal(it.committed, 1);
}

static void test_sums(void **state) {
	(void)state;
	source("a");
	put("a", "w", "10 e a1\n? what\n11 n x\n12 l x\n12 w x\n13 e a2\n");
	passes(0);
	is_committed(" a1 a2");
	assert_int_equal(w.pass.sums.logs, 1);
	assert_int_equal(w.pass.sums.lines, 6);
	assert_int_equal(w.pass.sums.bytes, 44);
	assert_int_equal(w.pass.sums.events, 2);
	assert_int_equal(w.pass.sums.unreadable, 1);
	assert_int_equal(w.pass.sums.skipped, 2);
	assert_int_equal(it.kept[0].lines, 6);
	assert_int_equal(it.kept[0].high_time, 13);
	assert_true(slice_is(it.kept[0].sample, "? what"));
	assert_true(slice_is(it.kept[0].name, w.sources[0].path));
	put("a", "a", "14 e a3\n");
	passes(0);
	assert_int_equal(w.pass.sums.lines, 1);
	assert_int_equal(it.kept[0].lines, 7);
	assert_int_equal(it.kept[0].unreadable, 1);
	assert_true(slice_is(it.kept[0].sample, "? what"));
}

static void test_nothing_new(void **state) {
	(void)state;
	source("a");
	source("b");
	put("a", "w", "10 n x\n11 n y\n");
	put("b", "w", "");
	passes(0);
	assert_int_equal(it.committed, 1);
	assert_int_equal(it.empty, 1);
	assert_int_equal(it.kept[0].offset, 14);
	passes(0);
	assert_int_equal(it.batches, 0);
	assert_int_equal(it.notices, 2);
}

static void test_chunks(void **state) {
	char *whole;

	(void)state;
	three_sources();
	passes(0);
	whole = committed();
	assert_true(strlen(whole) > 100);
	for (uint32_t max = 1; max < 60; max++) {
		forget();
		passes(max);
		is_committed(whole);
		passes(max);
		assert_int_equal(it.batches, 0);
	}
	free(whole);
}

/* What breaks at the k-th batch, for every k. */
static void broken_at_each(bool stale, bool commit_first) {
	char *whole;
	uint64_t lines;
	unsigned all;

	three_sources();
	passes(3);
	whole = committed();
	all = it.committed;
	lines = w.pass.sums.lines;
	assert_true(all > 10);
	for (unsigned k = 1; k <= all; k++) {
		struct err err;

		forget();
		it.commit_first = commit_first;
		if (stale) {
			it.stale_at = k;
			passes(3);
			assert_int_equal(w.pass.sums.stale, 1);
			if (!commit_first)
				assert_int_equal(w.pass.sums.lines, lines);
		} else {
			it.die_at = k;
			assert_int_equal(pass_of(3, &err), -1);
			it.die_at = 0;
			passes(5);
		}
		is_committed(whole);
		it.stale_at = 0;
		passes(3);
		assert_int_equal(it.batches, 0);
	}
	free(whole);
}

static void test_stale(void **state) {
	(void)state;
	broken_at_each(true, false);
}

static void test_overtaken(void **state) {
	(void)state;
	broken_at_each(true, true);
}

static void test_killed(void **state) {
	(void)state;
	broken_at_each(false, false);
}

static void test_killed_after_commit(void **state) {
	(void)state;
	broken_at_each(false, true);
}

/* ---- workers ---- */

static void is_same_cursor(const struct cursor *a, const struct cursor *b) {
	assert_int_equal(a->dev, b->dev);
	assert_int_equal(a->ino, b->ino);
	assert_int_equal(a->head_len, b->head_len);
	assert_int_equal(a->head_hash, b->head_hash);
	assert_int_equal(a->tail_len, b->tail_len);
	assert_int_equal(a->tail_hash, b->tail_hash);
	assert_int_equal(a->offset, b->offset);
	assert_int_equal(a->high_time, b->high_time);
	assert_int_equal(a->lines, b->lines);
	assert_int_equal(a->events, b->events);
	assert_int_equal(a->unreadable, b->unreadable);
	assert_int_equal(a->skipped, b->skipped);
	assert_int_equal(a->lost, b->lost);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->name.n, b->name.n);
	assert_memory_equal(a->name.p, b->name.p, a->name.n);
	assert_int_equal(a->file.n, b->file.n);
	assert_memory_equal(a->file.p, b->file.p, a->file.n);
}

/* Whatever the number of workers and of events in a batch, all is as by one process. */
static void same_with_workers(void) {
	struct cursor alone[4];
	uint32_t nalone;
	struct pass_sums sums;
	char *whole;

	passes(0);
	whole = committed();
	assert_true(strlen(whole) > 100);
	sums = w.pass.sums;
	nalone = it.nkept;
	assert_in_range(nalone, 2, 4);
	memcpy(alone, it.kept, sizeof(alone));
	it.nkept = 0;
	for (w.nworkers = 1; w.nworkers <= WORKERS_MAX; w.nworkers++)
		for (uint32_t max = 0; max < 60; max += 7) {
			forget();
			passes(max);
			is_committed(whole);
			assert_memory_equal(&sums, &w.pass.sums, sizeof(sums));
			assert_int_equal(it.nkept, nalone);
			for (uint32_t i = 0; i < nalone; i++) {
				uint32_t k = 0;

				while (k < nalone && (alone[i].dev != it.kept[k].dev || alone[i].ino != it.kept[k].ino))
					k++;
				assert_in_range(k, 0, nalone - 1);
				is_same_cursor(&alone[i], &it.kept[k]);
			}
			passes(max);
			assert_int_equal(it.batches, 0);
		}
	for (uint32_t i = 0; i < nalone; i++)
		free_texts(&alone[i]);
	free(whole);
}

static void test_workers(void **state) {
	(void)state;
	three_sources();
	/* One ends with a line that is none, one with a line that is not whole yet. */
	put("a", "a", "? what is this\n");
	put("b", "a", "1100 e b100");
	same_with_workers();
}

static void compress(const char *files, bool cut) {
	char command[256];

	(void)snprintf(command, sizeof(command), "cd %s && gzip -9 %s && if %s; then truncate -s -20 a.gz; fi", w.folder,
	               files, cut ? "true" : "false");
	assert_int_equal(system(command), 0);
}

static void test_workers_gz(void **state) {
	(void)state;
	source("a.gz");
	source("b");
	source("c.gz");
	three_logs();
	compress("a c", false);
	same_with_workers();
}

/* The problem of a log is told by the pass, and the others are read. */
static void test_workers_problem(void **state) {
	unsigned notices;
	char *whole;

	(void)state;
	source("a.gz");
	source("b");
	three_logs();
	compress("a", true);
	passes(0);
	whole = committed();
	notices = it.notices;
	forget();
	w.nworkers = 2;
	passes(0);
	is_committed(whole);
	/* And one to say that no worker was lost. */
	assert_int_equal(it.notices, notices + 1);
	free(whole);
}

static void test_workers_later(void **state) {
	char *whole;

	(void)state;
	source("a");
	source("b");
	three_logs();
	passes(0);
	put("a", "a", "1200 e a100\n1204 n x\n1202 e a101\n");
	put("b", "a", "1201 e b100\n? \n1203 e b101\n");
	w.nworkers = 2;
	passes(0);
	whole = committed();
	assert_string_equal(strstr(whole, " a100"), " a100 b100 a101 b101");
	free(whole);
}

static void test_workers_dead(void **state) {
	char *whole;

	(void)state;
	three_sources();
	passes(0);
	whole = committed();
	w.dies = true;
	for (w.nworkers = 1; w.nworkers <= 3; w.nworkers++) {
		forget();
		passes(0);
		is_committed(whole);
		assert_int_equal(w.killed, 1);
	}
	free(whole);
}

static void test_workers_killed(void **state) {
	char *whole;

	(void)state;
	three_sources();
	put("b", "a", "1500 k x\n");
	put("c", "a", "1600 e c100\n");
	passes(0);
	whole = committed();
	for (w.nworkers = 1; w.nworkers <= 3; w.nworkers++)
		for (uint32_t max = 0; max < 40; max += 13) {
			forget();
			passes(max);
			is_committed(whole);
			assert_int_equal(w.killed, 1);
			passes(max);
			assert_int_equal(it.batches, 0);
			assert_int_equal(w.killed, 0);
		}
	free(whole);
}

static void input_from(const char *path) {
	char whole[256];

	(void)snprintf(whole, sizeof(whole), "%s/%s", w.folder, path);
	assert_ptr_equal(freopen(whole, "r", stdin), stdin);
}

static void test_input(void **state) {
	(void)state;
	source("a");
	source("-");
	w.pass.standard_input = true;
	put("a", "w", "10 e a1\n12 e a2\n14 e a3\n");
	put("input", "w", "11 e i1\n? bad\n13 e i2\n14 e i3\n15 e i4");
	input_from("input");
	passes(0);
	is_committed(" a1 i1 a2 i2 a3 i3 i4");
	assert_int_equal(it.input.lines, 5);
	assert_int_equal(it.input.unreadable, 1);
	assert_int_equal(it.nkept, 1);
	input_from("input");
	passes(0);
	is_committed(" a1 i1 a2 i2 a3 i3 i4 i1 i2 i3 i4");
}

static void test_input_peeked(void **state) {
	(void)state;
	source("-");
	w.pass.standard_input = true;
	w.pass.peeked = slice_of("10 e i1\n11 e i");
	put("input", "w", "2\n13 e i3\n");
	input_from("input");
	passes(0);
	is_committed(" i1 i2 i3");
}

/* A signal that comes while lines are read, and not in the wait for more: nobody else would end it. */
static void test_input_signal(void **state) {
	const char text[] = "10 e i1\n11 e i2\n";
	const uint64_t one = 1;
	int fds[2];

	(void)state;
	source("-");
	w.pass.standard_input = true;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, sizeof(text) - 1), sizeof(text) - 1);
	assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	w.pass.peeked = slice_of("9 e i0\n");
	w.pass.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(write(w.pass.wake, &one, sizeof(one)), sizeof(one));
	passes(0);
	is_committed(" i0");
	(void)close(w.pass.wake);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void test_input_stale(void **state) {
	(void)state;
	source("a");
	source("-");
	w.pass.standard_input = true;
	for (unsigned k = 1; k <= 7; k++) {
		forget();
		it.stale_at = k;
		put("a", "w", "10 e a1\n12 e a2\n14 e a3\n");
		put("input", "w", "11 e i1\n? bad\n13 e i2\n14 e i3\n15 e i4");
		input_from("input");
		passes(1);
		is_committed(" a1 i1 a2 i2 a3 i3 i4");
		assert_int_equal(it.input.lines, 5);
		assert_int_equal(w.pass.sums.lines, 8);
		assert_int_equal(w.pass.sums.events, 7);
	}
}

static void test_rotation(void **state) {
	char from[128], to[128];

	(void)state;
	source("a");
	put("a", "w", "10 e a1\n11 e a2\n");
	passes(0);
	put("a", "a", "12 e a3\n");
	(void)snprintf(from, sizeof(from), "%s/a", w.folder);
	(void)snprintf(to, sizeof(to), "%s/a.1", w.folder);
	assert_int_equal(rename(from, to), 0);
	put("a", "w", "13 e b1\n");
	passes(1);
	is_committed(" a1 a2 a3 b1");
	assert_int_equal(it.nkept, 2);
	passes(1);
	assert_int_equal(it.batches, 0);
}

static void test_lost(void **state) {
	(void)state;
	source("a");
	put("a", "w", "10 e a1\n11 e a2 unfini");
	passes(0);
	put("a", "w", "13 e b1\n");
	passes(0);
	is_committed(" a1 b1");
	assert_int_equal(w.pass.sums.lost, 14);
	assert_int_equal(it.kept[0].lost, 14);
	passes(0);
	assert_int_equal(it.batches, 0);
}

static void test_refused(void **state) {
	struct err err;

	(void)state;
	source("a");
	put("a", "w", "10 e a1\n");
	it.refuse_at = 1;
	assert_int_equal(pass_of(0, &err), -1);
	assert_non_null(strstr(err.text, "the disk is full"));
	assert_int_equal(err.class, ERR_SYSTEM);
}

static void test_check(void **state) {
	static const struct {
		const char *label;
		char *format, *pattern, *timezone;
		const char *reason;
	} rows[] = {
		{"sound", "combined", NULL, "Europe/Berlin", NULL},
		{"own pattern", NULL, "^(?<time>\\S+) (?<ip>\\S+)", NULL, NULL},
		{"no such format", "combinde", NULL, NULL, "unknown format combinde"},
		{"no such zone", "combined", NULL, "Europe/Nowhere", "Europe/Nowhere"},
		{"a pattern without time", NULL, "^(?<ip>.*)$", NULL, "time"},
	};
	struct pass pass = {.conf = &w.conf, .sources = w.sources, .nsources = 1};

	(void)state;
	source("a");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {0};

		print_message("# %s\n", rows[i].label);
		w.sources[0].format = rows[i].format;
		w.sources[0].pattern = rows[i].pattern;
		w.sources[0].timezone = rows[i].timezone;
		assert_int_equal(pass_check(&pass, &err), rows[i].reason ? -1 : 0);
		if (rows[i].reason && !strstr(err.text, rows[i].reason))
			fail_msg("\"%s\" without \"%s\"", err.text, rows[i].reason);
	}
}

static void test_stop(void **state) {
	(void)state;
	source("a");
	three_logs();
	w.stop = 1;
	passes(0);
	is_committed("");
	w.stop = 0;
	passes(0);
	assert_true(it.events.n > 0);
}

/* ---- following ---- */

static struct {
	pthread_t thread;
	struct err err;
	int result;
	volatile unsigned alive, begun;
	bool early; /* it began before the enforcer had told its cursors */
} following;

static void be_alive(void *context) {
	(void)context;
	following.alive++;
}

static void be_begun(void *context) {
	(void)context;
	following.begun++;
	following.early = it.greeted == 0;
}

static void *follow(void *unused) {
	(void)unused;
	following.result = pass_of(0, &following.err);
	return NULL;
}

static void follow_begin(void) {
	const struct timespec moment = {.tv_nsec = 200000000};

	w.pass.follow = true;
	w.pass.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w.pass.beat = 50;
	w.pass.alive = be_alive;
	w.pass.begins = be_begun;
	following.alive = following.begun = 0;
	assert_int_equal(pthread_create(&following.thread, NULL, follow, NULL), 0);
	(void)nanosleep(&moment, NULL);
}

static void follow_end(void) {
	uint64_t one = 1;

	w.stop = 1;
	assert_int_equal(write(w.pass.wake, &one, sizeof(one)), sizeof(one));
	assert_int_equal(pthread_join(following.thread, NULL), 0);
	(void)close(w.pass.wake);
	if (following.result < 0)
		fail_msg("%s", following.err.text);
	assert_int_equal(it.done > 0, 1);
}

static bool commits(const char *expected) {
	bool same;

	(void)pthread_mutex_lock(&committing);
	same = it.events.n == strlen(expected) && memcmp(it.events.p, expected, it.events.n) == 0;
	(void)pthread_mutex_unlock(&committing);
	return same;
}

/* Within 5 s. */
static void soon_committed(const char *expected) {
	const struct timespec moment = {.tv_nsec = 5000000};

	for (int i = 0; i < 1000 && !commits(expected); i++)
		(void)nanosleep(&moment, NULL);
	if (!commits(expected))
		fail_msg("wanted \"%s\", got \"%.*s\"", expected, (int)it.events.n, it.events.n ? it.events.p : "");
}

static void test_follow_order(void **state) {
	(void)state;
	source("a");
	source("b");
	put("a", "w", "10 e a1\n14 e a2\n");
	put("b", "w", "12 e b1\n");
	follow_begin();
	/* What is there is merged by its time ... */
	soon_committed(" a1 b1 a2");
	put("b", "a", "30 e b2\n");
	soon_committed(" a1 b1 a2 b2");
	/* ... and what comes, by when it comes. */
	put("a", "a", "20 e a3\n");
	soon_committed(" a1 b1 a2 b2 a3");
	follow_end();
	assert_true(following.alive > 0);
	assert_int_equal(following.begun, 1);
	assert_false(following.early);
	assert_int_equal(w.pass.sums.lines, 5);
	w.stop = 0;
	w.pass.follow = false;
	passes(0);
	is_committed(" a1 b1 a2 b2 a3");
}

static void test_follow_rotation(void **state) {
	char from[128], to[128];

	(void)state;
	source("a");
	put("a", "w", "10 e a1\n");
	follow_begin();
	soon_committed(" a1");
	(void)snprintf(from, sizeof(from), "%s/a", w.folder);
	(void)snprintf(to, sizeof(to), "%s/a.1", w.folder);
	assert_int_equal(rename(from, to), 0);
	put("a", "w", "12 e b1\n");
	soon_committed(" a1 b1");
	put("a.1", "a", "11 e a2\n");
	soon_committed(" a1 b1 a2");
	put("a", "a", "13 e b2\n");
	soon_committed(" a1 b1 a2 b2");
	follow_end();
}

static void test_follow_cursors(void **state) {
	(void)state;
	source("a");
	put("a", "w", "10 e a1\n");
	follow_begin();
	soon_committed(" a1");
	put("a", "a", "11 n x\n?\n");
	(void)sleep(2);
	(void)pthread_mutex_lock(&committing);
	assert_int_equal(it.kept[0].lines, 3);
	assert_int_equal(it.kept[0].size, it.kept[0].offset);
	assert_int_equal(it.empty, 1);
	(void)pthread_mutex_unlock(&committing);
	follow_end();
}

static void test_follow_stale(void **state) {
	(void)state;
	source("a");
	put("a", "w", "10 e a1\n");
	it.stale_at = 2;
	follow_begin();
	soon_committed(" a1");
	put("a", "a", "11 e a2\n");
	soon_committed(" a1 a2");
	put("a", "a", "12 e a3\n");
	soon_committed(" a1 a2 a3");
	follow_end();
	assert_int_equal(w.pass.sums.stale, 1);
}

static void test_follow_dies(void **state) {
	(void)state;
	source("a");
	put("a", "w", "10 e a1\n");
	it.die_at = 2;
	follow_begin();
	soon_committed(" a1");
	put("a", "a", "11 e a2\n");
	assert_int_equal(pthread_join(following.thread, NULL), 0);
	(void)close(w.pass.wake);
	assert_int_equal(following.result, -1);
	it.die_at = 0;
	w.pass.follow = false;
	passes(0);
	is_committed(" a1 a2");
}

static void soon_held(void) {
	const struct timespec moment = {.tv_nsec = 1000000};
	bool held = false;

	for (int i = 0; i < 20000 && !held; i++) {
		(void)nanosleep(&moment, NULL);
		(void)pthread_mutex_lock(&committing);
		held = it.held;
		(void)pthread_mutex_unlock(&committing);
	}
	assert_true(held);
}

/* A log is behind; while the enforcer has one of its batches, a line comes in another. */
static void follow_beside(uint32_t took) {
	const struct timespec moment = {.tv_nsec = 1000000};
	unsigned late_at = 0;
	struct buf lines;

	source("a");
	source("b");
	buf_init(&lines, 1U << 20);
	for (unsigned i = 0; i < 40000; i++)
		buf_text(&lines, "10 e a\n");
	buf_byte(&lines, '\0');
	put("a", "w", lines.p);
	buf_release(&lines);
	put("b", "w", "5 e b\n");
	it.took = took;
	it.hold_at = 8;
	follow_begin();
	soon_held();
	put("b", "a", "11 e late\n");
	(void)pthread_mutex_lock(&committing);
	it.held = false;
	(void)pthread_cond_signal(&let_go);
	(void)pthread_mutex_unlock(&committing);
	for (int i = 0; i < 20000 && late_at == 0; i++) {
		(void)nanosleep(&moment, NULL);
		(void)pthread_mutex_lock(&committing);
		late_at = it.late_at;
		(void)pthread_mutex_unlock(&committing);
	}
	follow_end();
	/* In the one that was being read, or, where that was on its way just then, in the next. */
	assert_in_range(late_at, 9, 10);
}

static void test_follow_beside(void **state) {
	(void)state;
	follow_beside(0);
	assert_in_range(it.largest, 1024, 2049);
}

static void test_follow_pace(void **state) {
	(void)state;
	follow_beside(100000);
	assert_in_range(it.largest, 1, 257);
}

static void test_follow_pace_again(void **state) {
	const struct timespec moment = {.tv_nsec = 1000000};
	static const char *const logs[] = {"a", "b", "c"};
	uint32_t largest = 0;
	struct buf lines;

	(void)state;
	buf_init(&lines, 1U << 20);
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		buf_clear(&lines);
		for (unsigned n = 0; n < 20000; n++)
			buf_printf(&lines, "10 e %s\n", logs[i]);
		buf_byte(&lines, '\0');
		source(logs[i]);
		put(logs[i], "w", lines.p);
	}
	buf_release(&lines);
	it.took = 100000;
	it.hold_at = 12;
	follow_begin();
	soon_held();
	(void)pthread_mutex_lock(&committing);
	it.took = 0;
	it.held = false;
	(void)pthread_cond_signal(&let_go);
	(void)pthread_mutex_unlock(&committing);
	for (int i = 0; i < 20000 && largest < 1024; i++) {
		(void)nanosleep(&moment, NULL);
		(void)pthread_mutex_lock(&committing);
		largest = it.largest;
		(void)pthread_mutex_unlock(&committing);
	}
	follow_end();
	assert_in_range(largest, 1024, LINK_EVENTS_MAX);
}

static void test_a_thousand(void **state) {
	struct buf expected;

	(void)state;
	source("log-*");
	buf_init(&expected, 1U << 20);
	for (int i = 0; i < 1000; i++) {
		char path[32], text[128];

		(void)snprintf(path, sizeof(path), "log-x%d-y", i);
		(void)snprintf(text, sizeof(text), "%d e w%d\n%d e w%d\n", 1 + i, i, 5001 - i, 5000 - i);
		put(path, "w", text);
	}
	for (int i = 0; i < 1000; i++)
		buf_printf(&expected, " w%d", i);
	for (int i = 4001; i <= 5000; i++)
		buf_printf(&expected, " w%d", i);
	passes(0);
	buf_byte(&expected, '\0');
	is_committed(expected.p);
	assert_int_equal(it.nkept, 1000);
	passes(0);
	assert_int_equal(it.batches, 0);
	buf_release(&expected);
}

#define TEST(title, function)                                                                                          \
	{ title, function, set_up, tear_down, NULL }
#define WORKERS_TEST(title, function)                                                                                  \
	{ title ", with workers", function, set_up_workers, tear_down, NULL }

static void test_last_words(void **state) {
	struct uplink up;
	struct err err;
	struct buf b;
	size_t begin;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	uplink_init(&up, fds[0]);
	assert_int_equal(uplink_done(&up, &err), 0); /* what is never read makes the end a reset */
	buf_init(&b, 64);
	begin = frame_begin(&b, LINK_REFUSED);
	buf_text(&b, "the disk is full");
	frame_end(&b, begin);
	assert_int_equal(write(fds[1], b.p, b.n), b.n);
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(uplink_done(&up, &err), -1);
	assert_string_equal(err.text, "the enforcer refused: the disk is full");
	buf_release(&b);
	uplink_release(&up);
	assert_int_equal(close(fds[0]), 0);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST("events of several logs are merged by the highest time so far", test_merge),
		TEST("what was read is summed, by pass and by log", test_sums),
		TEST("a pass over nothing new sends no batch", test_nothing_new),
		TEST("however events are cut into batches, their order is the same", test_chunks),
		TEST("after a stale batch nothing is lost and nothing is twice", test_stale),
		TEST("where another was quicker nothing is lost and nothing is twice", test_overtaken),
		TEST("who is refused while he writes learns why", test_last_words),
		TEST("killed at any batch, the next pass goes on in the same order", test_killed),
		TEST("killed between commit and answer, nothing is twice", test_killed_after_commit),
		WORKERS_TEST("however events are cut into batches, their order is the same", test_chunks),
		WORKERS_TEST("after a stale batch nothing is lost and nothing is twice", test_stale),
		WORKERS_TEST("where another was quicker nothing is lost and nothing is twice", test_overtaken),
		WORKERS_TEST("killed at any batch, the next pass goes on in the same order", test_killed),
		WORKERS_TEST("killed between commit and answer, nothing is twice", test_killed_after_commit),
		WORKERS_TEST("a pass that is stopped goes on in the next", test_stop),
		TEST("workers tell what one process reads: events, order, sums and places", test_workers),
		TEST("workers read compressed logs", test_workers_gz),
		TEST("what a worker cannot read is told by the pass, and the rest is read", test_workers_problem),
		TEST("workers begin where the state says", test_workers_later),
		TEST("a worker that ended before a log was lent to it is told", test_workers_dead),
		TEST("a worker that is killed leaves nothing out and nothing twice", test_workers_killed),
		TEST("standard input is merged and read to its end", test_input),
		TEST("what was peeked of standard input is read", test_input_peeked),
		TEST("a signal ends the reading of standard input, though its writer says nothing more", test_input_signal),
		TEST("standard input survives a stale batch", test_input_stale),
		TEST("a rotated log and its successor are two logs", test_rotation),
		TEST("lost bytes are committed once", test_lost),
		TEST("a refusal ends the pass with the enforcer's reason", test_refused),
		TEST("a source that cannot be read is told before the pass", test_check),
		TEST("a pass that is stopped goes on in the next", test_stop),
		TEST("followed logs are committed as their lines come", test_follow_order),
		TEST("a log that is rotated while it is followed loses no line", test_follow_rotation),
		TEST("lines without an event move the cursor in their time", test_follow_cursors),
		TEST("a pass that follows goes on after another was quicker", test_follow_stale),
		TEST("a pass that follows ends with its enforcer, and the next goes on", test_follow_dies),
		TEST("a line waits for no more than two batches of another log that is behind", test_follow_beside),
		TEST("an enforcer that takes long for a batch gets smaller ones", test_follow_pace),
		TEST("one that is quick again gets larger ones again, of however many logs", test_follow_pace_again),
		TEST("a thousand logs are merged", test_a_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
