#include <string.h>

#include "common/timefmt.h"

#include "enforcer/enforcer.h"
#include "enforcer/hook.h"
#include "enforcer/projection.h"
#include "enforcer/verb.h"

static int log_each(void *context, const struct record *record, struct err *err) {
	struct request *r = context;
	struct buf *b = control_row(r);

	js_begin(b, '{');
	row_record(r, b, record);
	js_end(b, '}');
	control_row_end(r);
	return verb_page(r, err);
}

/* mac or ip (address or prefix) or neither; since (seconds since the epoch) */
int verb_log(struct request *r, struct err *err) {
	struct record_filter filter = {.since = js_number(r->args, "since", 0)};

	if ((js_get(r->args, "mac") && arg_mac(r, &filter.mac, err) < 0) ||
	    (js_get(r->args, "ip") && arg_prefix(r, "ip", &filter.ip, err) < 0))
		return -1;
	return store_records(r->store, &filter, log_each, r, err);
}

/* mac, ip, time (seconds since the epoch; now where missing). Exit 0 served, 1 refused, 5 before the record begins. */
int verb_verdict(struct request *r, struct err *err) {
	static const struct {
		const char *word;
		int exit;
	} answers[] = {
		[VERDICT_SERVED] = {"served", 0},
		[VERDICT_REFUSED] = {"refused", ERR_NEGATIVE},
		[VERDICT_FORGOTTEN] = {"forgotten", ERR_FORGOTTEN},
	};
	int64_t time = js_number(r->args, "time", r->now);
	uint64_t mac;
	struct addr ip;
	enum verdict verdict;
	struct buf why, *b;
	int result = -1;

	buf_init(&why, 4096);
	if (arg_mac(r, &mac, err) < 0 || arg_ip(r, &ip, err) < 0 ||
	    judge_verdict(r->judge, mac, ip, time, &verdict, &why, err) < 0)
		goto out;
	b = control_row(r);
	js_begin(b, '{');
	row_mac(b, "mac", mac);
	row_addr(b, "ip", ip);
	js_put_time(b, "time", time);
	js_put_string(b, "verdict", answers[verdict].word);
	js_put_text(b, "why", (struct slice){why.p, why.n});
	js_end(b, '}');
	control_row_end(r);
	r->exit = answers[verdict].exit;
	result = 0;
out:
	buf_release(&why);
	return result;
}

/* No arguments. Not inside a transaction: what is published is noted in one of its own. */
int verb_sync(struct request *r, struct err *err) {
	struct buf *b;

	if (projection_sync(r->enforcer, true, err) < 0 || hook_retry(r->enforcer, err) < 0)
		return -1;
	b = control_row(r);
	js_begin(b, '{');
	js_put_bool(b, "synced", true);
	js_put_string(b, "lockstate", r->conf->lockstate.path);
	js_put_string(b, "firewall", r->conf->firewall.backend == BACKEND_NONE ? NULL : r->conf->firewall.table);
	js_end(b, '}');
	control_row_end(r);
	return 0;
}

static int pause_answer(struct request *r, struct err *err) {
	bool bans, locks;
	int64_t until;
	struct buf *b;

	if (judge_paused(r->judge, r->now, &bans, &locks, err) < 0 ||
	    store_number(r->store, "pause.until", &until, err) < 0)
		return -1;
	b = control_row(r);
	js_begin(b, '{');
	js_put_bool(b, "paused", bans);
	js_put_bool(b, "locks", locks);
	js_put_time(b, "until", bans ? until : TIME_NONE);
	js_end(b, '}');
	control_row_end(r);
	return 0;
}

/* for, locks */
int verb_pause(struct request *r, struct err *err) {
	struct order o = control_order(r);
	int64_t lasts;

	if (arg_lasts(r, HOUR, &lasts, err) < 0 || judge_pause(r->judge, &o, lasts, js_true(r->args, "locks"), err) < 0)
		return -1;
	return pause_answer(r, err);
}

/* No arguments. */
int verb_resume(struct request *r, struct err *err) {
	struct order o = control_order(r);

	if (judge_resume(r->judge, &o, err) < 0)
		return -1;
	return pause_answer(r, err);
}
