/* Journals among the logs of a pass. Each entry moves the place by the length of its line and one, as a line of a file would; an entry that makes no line by
 * one. The journal's own mark of the entry in front of the place is what reading goes on from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/format.h"
#include "analyzer/journal.h"
#include "analyzer/source_private.h"

/* Formats of what programs write by themselves read the message alone. */
static bool is_bare(const struct conf_source *conf) {
	const struct format *format = conf->format ? format_find(slice_of(conf->format)) : NULL;

	return format && !format_reads_head(format);
}

/* The cursor of that name; the newest, should there be several. */
static const struct cursor *cursor_find(const struct cursor *cursors, uint32_t n, const char *name) {
	const struct cursor *found = NULL;

	for (uint32_t i = 0; i < n; i++)
		if (cursors[i].mark.n > 0 && slice_is(cursors[i].name, name) && (!found || cursors[i].id > found->id))
			found = &cursors[i];
	return found;
}

static int journal_add(struct source_set *set, uint32_t conf, const struct cursor *known, struct err *err) {
	const struct conf_source *source = &set->confs[conf];
	struct source *s = source_new(set, source->path, conf);
	struct err why;
	bool gone;

	if (!s)
		return err_set(err, ERR_SYSTEM, "source: out of memory");
	s->rank = RANK_LIVE;
	s->size = SIZE_UNKNOWN;
	s->journal_fd = -1;
	if (known) {
		s->known = *known;
		s->at = s->before = known->offset;
		(void)slice_copy(known->mark, s->mark, sizeof(s->mark));
	}
	if (journal_open(&s->journal, source->journal, is_bare(source), &why) < 0 ||
	    (set->follow && journal_fd(s->journal, &s->journal_fd, &why) < 0) ||
	    journal_seek(s->journal, s->known.mark, &gone, &s->gap, &why) < 0) {
		source_problem(set, conf, "%s", why.text);
		source_free(&s);
		return 0;
	}
	if (gone && s->gap > 0)
		source_problem(set, conf, "up to %llu entries were removed from the journal before they were read",
		               (unsigned long long)s->gap);
	else if (gone)
		source_problem(set, conf, "the entry that was read last is no longer in the journal: read on behind its place");
	return source_set_add(set, s, err);
}

int source_journals(struct source_set *set, const struct cursor *cursors, uint32_t ncursors, struct err *err) {
	for (uint32_t i = 0; i < set->nconfs; i++)
		if (set->confs[i].journal && journal_add(set, i, cursor_find(cursors, ncursors, set->confs[i].path), err) < 0)
			return -1;
	return 0;
}

/* What an entry is about shows only when it is read. */
int source_journal_again(struct source *s) {
	struct err ignored;

	return journal_refresh(s->journal, &ignored) < 0 ? -1 : 1;
}

int source_journal_line(struct source *s, struct slice *line, uint64_t *offset, struct err *err) {
	int got;

	while ((got = journal_next(s->journal, line, err)) > 0) {
		s->before = s->at;
		memcpy(s->mark_before, s->mark, sizeof(s->mark));
		if (journal_mark(s->journal, s->mark, err) < 0) {
			got = -1;
			break;
		}
		s->at += line->n + 1;
		if (line->p) {
			*offset = s->before;
			return 1;
		}
		s->skipped++;
	}
	if (got < 0) {
		s->ended = true;
		return err_prefix(err, "%s", s->path);
	}
	return 0;
}

void source_journal_place(const struct source *s, bool in_front, struct cursor *io) {
	io->offset = in_front ? s->before : s->at;
	io->mark = slice_of(in_front ? s->mark_before : s->mark);
	/* What is gone was between the place that was known and the first entry behind it. */
	io->lost += io->offset > s->known.offset ? s->gap : 0;
	io->head_hash = hash_bytes(0, s->path, strlen(s->path));
	io->size = -1;
}
