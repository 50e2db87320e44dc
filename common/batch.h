/* batch: the events of one batch as they go over the link (event.h): compact, and to be read without a copy.
 *
 * What many events say alike (words of the phone, rule, account) stands once in a table of the batch; each event is a record of fixed size
 * that names its row there. Behind the records stand the extras of those that have any (user, realm, folder, once), then
 * the texts of those that come with them: the evidence and the agent. Both lie in the order of the events.
 *
 *     u32 events, u32 rows, u32 bytes of the rows, u32 of the extras, u32 of the texts; rows; records; extras; texts
 *
 * An event that came without its texts can get them later (LINK_WANT, LINK_TEXTS): they are then as in the last part.
 */
#ifndef PROVCTL_BATCH_H
#define PROVCTL_BATCH_H

#include "common/event.h"

#define BATCH_RECORD 48
#define BATCH_TEXTS  (EVENT_LINE_MAX + EVENT_AGENT_MAX + 4) /* of one event, at most */

/* ---- writing ---- */

#define BATCH_ROW_SLOTS 4096
#define BATCH_ALIKE     1024

struct batch_writer {
	struct buf rows, records, extras, texts;
	uint32_t n, nrows;
	uint32_t *row_at; /* by row: where it stands in rows */
	uint32_t room;
	uint16_t slots[BATCH_ROW_SLOTS]; /* by hash: row + 1, the newest of that hash */
	struct {
		uint64_t number;
		uint16_t row;
	} alike[BATCH_ALIKE]; /* by number, and of those without one: the last event's row */
	bool failed;          /* memory was out */
};

void batch_writer_init(struct batch_writer *w);
void batch_writer_release(struct batch_writer *w);
void batch_writer_clear(struct batch_writer *w);
/* e is sound, its offset at most LINK_OFFSET_MAX, its cursor set; with_texts: its line and agent go along. */
void batch_writer_add(struct batch_writer *w, const struct event *e, bool with_texts);
/* Bytes that batch_writer_put will write, and how many one more event may add to them at most. */
size_t batch_writer_size(const struct batch_writer *w);
size_t batch_event_size(const struct event *e);
/* Appends the batch's events to out. */
void batch_writer_put(const struct batch_writer *w, struct buf *out);
/* What stands in texts for one event. */
void batch_text_put(struct buf *out, struct slice line, struct slice agent);

/* ---- reading ---- */

struct batch_row {
	struct slice vendor, model, version, rule, account;
};

struct batch_view {
	uint32_t n, nrows;
	struct batch_row *rows; /* owned; what they hold borrows */
	uint32_t room;
	struct slice records, extras, texts;
};

/* Reads all of in, hostile as it may be: every event of it is sound then. v begins as zeroes and can be used again. */
int batch_read(struct batch_view *v, struct slice in, struct err *err);
/* Reads all but the events: either they were read before, where the same bytes lay, or batch_next_checked reads them. */
int batch_read_head(struct batch_view *v, struct slice in, struct err *err);
void batch_view_release(struct batch_view *v);

/* One event after the other, each in e. */
struct batch_walk {
	const struct batch_view *v;
	uint32_t next;              /* number of the event that batch_next gives next */
	struct slice extras, texts; /* what is left of them */
	const uint32_t *wanted;     /* numbers, ascending, of those whose texts came later */
	uint32_t nwanted;
	struct slice wanted_texts;
	struct event e;
	uint32_t row;    /* of e */
	bool with_texts; /* line and agent are known */
};
void batch_walk_begin(struct batch_walk *w, const struct batch_view *v);
/* Where texts came later: of the events `wanted`, checked by batch_texts_check. */
void batch_walk_wanted(struct batch_walk *w, const uint32_t *wanted, uint32_t n, struct slice texts);
/* False behind the last. */
bool batch_next(struct batch_walk *w);
/* The same for events that nobody has read yet: 1; 0 behind the last, when all was sound; -1. */
int batch_next_checked(struct batch_walk *w, struct err *err);
/* Texts of whole events at the start of in, max at most: how many there are, or -1 where one is none. */
int64_t batch_texts_check(struct slice in, uint32_t max, struct err *err);

#endif
