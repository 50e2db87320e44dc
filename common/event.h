/* event: what the analyzer says to the enforcer, and the link on which it says so.
 *
 * The link is an ordered stream of frames over one AF_UNIX stream socket. The analyzer speaks first (LINK_HELLO), the
 * enforcer answers with every cursor it holds (LINK_CURSORS, repeated, then LINK_READY). The analyzer then sends batches; each is
 * answered, in order, by LINK_ACK (committed: events and cursors in one transaction; it tells how long its events took), LINK_STALE (a cursor had moved: nothing of
 * this batch, nor of those sent after it, was taken; the enforcer sends all cursors and LINK_READY again at once and drops batches
 * until it sees LINK_HELLO again, which then needs no answer), or LINK_REFUSED (malformed or failed: the text says why; the link is closed). LINK_DONE ends a pass.
 *
 * The evidence of a served fetch or a registration is hardly ever looked at: the analyzer keeps it until the batch is answered. Where the enforcer
 * needs some, it asks (LINK_WANT) instead of answering the batch, applies nothing of it yet, and gets them (LINK_TEXTS, which may come
 * behind batches that were sent before the analyzer knew). It may ask once more.
 *
 * The receiver treats all of it as hostile: event_decode and friends check every length and range, and what
 * they return borrows the frame.
 */
#ifndef PROVCTL_EVENT_H
#define PROVCTL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/mac.h"

/* Names in event_names[] are those of the manual: "provision.served". The order is part of the stored state: append only. */
enum event_kind {
	EVENT_PROVISION_SERVED,
	EVENT_PROVISION_REFUSED,
	EVENT_PROVISION_UNAUTHORISED,
	EVENT_PROVISION_UNKNOWN,
	EVENT_POLL_SERVED,
	EVENT_POLL_REFUSED,
	EVENT_POLL_UNAUTHORISED,
	EVENT_POLL_UNKNOWN,
	EVENT_SIP_REGISTERED,
	EVENT_SIP_AUTH_FAILED,
	EVENT_SIP_UNKNOWN_USER,
	EVENT_SIP_REFUSED,
	EVENT_SIP_SCAN,
	EVENT_SIP_MALFORMED,
	EVENT_SIP_FLOOD,
	EVENT_DEVICE_CREATED,
	EVENT_DEVICE_DELETED,
	EVENT_DEVICE_CUSTOMISED,
	EVENT_PORTAL_AUTH_FAILED, /* made by the enforcer itself: the link refuses it */
	EVENT_KINDS
};
#define EVENT_LINK_KINDS EVENT_PORTAL_AUTH_FAILED /* kinds that an analyzer may send come before it */

enum proof { PROOF_NONE, PROOF_NONCE, PROOF_HANDSHAKE, PROOFS };

enum tri { TRI_UNKNOWN, TRI_NO, TRI_YES, TRIS };

const char *event_kind_name(enum event_kind kind); /* "provision.served" */
bool event_kind_parse(struct slice name, enum event_kind *kind);
const char *proof_name(enum proof proof); /* "none", "nonce", "handshake" */

/* Maxima, in bytes, of an event's fields; a field longer than that is cut by the analyzer and refused by the decoder. */
#define EVENT_USER_MAX    128
#define EVENT_REALM_MAX   128
#define EVENT_ACCOUNT_MAX 64
#define EVENT_AGENT_MAX   192
#define EVENT_FOLDER_MAX  256
#define EVENT_WORD_MAX    64 /* vendor, model, version, rule */
#define EVENT_LINE_MAX    512

struct event {
	enum event_kind kind;
	enum proof proof;
	enum tri imposter;
	uint32_t cursor;        /* index of its log in the batch's table */
	uint64_t offset;        /* of the line in that log, in bytes of its decompressed content */
	int64_t time;           /* seconds, UTC; never TIME_NONE */
	struct addr ip;         /* none only for device.* */
	uint64_t mac;           /* MAC_NONE where the line names no device */
	uint64_t once;          /* hash of the field that the rule's `once` names; 0 without */
	uint32_t asn;           /* 0 unknown */
	uint16_t status;        /* of HTTP, 0 otherwise */
	char country[2];        /* ISO 3166, or two NUL */
	bool agent_mac_differs; /* the agent names another MAC than the path does */
	/* Within the analyzer alone, never encoded: events of equal numbers have the same account, vendor, model, version and rule; 0 tells nothing. */
	uint64_t alike;
	bool raw; /* `line` is the log's own bytes yet: within the analyzer alone, never encoded */
	struct slice user, realm;
	struct slice account; /* only for a device that is yet to be learned, and of device.created */
	struct slice agent;
	struct slice
		folder; /* the secret folder of the path for a claimed secret poll, else empty; never stored as it is */
	struct slice vendor, model, version;
	struct slice rule; /* id of the rule that matched */
	struct slice line; /* evidence: redacted, escaped, cut */
};

/* Within all bounds, as the decoders demand it; a raw line may have any length. */
bool event_is_sound(const struct event *e, struct err *err);
/* Appends e, whole and by itself, as the store keeps it. Over the link events go by the batch: batch.h. */
void event_encode(struct buf *out, const struct event *e);
/* Reads one event from the start of *in and moves *in behind it. The slices of *e borrow. On -1 *in is where it was. */
int event_decode(struct slice *in, struct event *e, struct err *err);

/* How far a log was read. A log is known by what it holds: the hash of its first head_len bytes (up to CURSOR_HEAD)
 * and of the tail_len bytes before `offset` (up to CURSOR_TAIL); dev, ino and file are hints that may change. A journal is known by its name, and
 * read on behind the entry that `mark` tells; its offset counts the bytes of the lines that its entries make. */
#define CURSOR_NEW      0x80000000U
#define CURSOR_HEAD     4096
#define CURSOR_TAIL     64
#define CURSOR_NAME_MAX 1024
#define CURSOR_MARK_MAX 256

struct cursor {
	/* The enforcer's, below CURSOR_NEW. A log that the enforcer does not know yet has CURSOR_NEW and a number of the session's own (see
	 * struct batch_cursor); standard input has 0. */
	uint32_t id;
	bool transient;  /* standard input: has no identity, is counted but not kept; its sums are those of the session */
	uint16_t source; /* index in the configuration in force; UINT16_MAX for a FILE of the command line */
	uint64_t dev, ino;
	uint64_t head_hash, tail_hash;
	uint32_t head_len, tail_len;
	uint64_t offset;   /* of decompressed content */
	int64_t high_time; /* highest time of an event so far, 0 for none; the key by which logs are merged */
	/* Sums since the log is known. */
	uint64_t lines;      /* lines read */
	uint64_t events;     /* events made */
	uint64_t unreadable; /* lines that the format could not read */
	uint64_t skipped;    /* lines dropped: too long, no memory, match limit */
	uint64_t lost;       /* bytes known to be lost: truncated before they were read; of a journal entries, at most */
	int64_t size;        /* of the log when it was looked at last, -1 unknown; lag is size - offset */
	struct slice name;   /* `path` of its source as configured: what `status` calls it */
	struct slice file;   /* where it was found last */
	struct slice sample; /* an unreadable line, escaped, at most EVENT_LINE_MAX */
	struct slice mark;   /* a journal's own cursor of the entry that was read last; empty for any other log */
};

enum link_type {
	LINK_HELLO =
		1, /* analyzer: u32 LINK_VERSION; again where it begins anew: after LINK_STALE, or to be told the cursors */
	LINK_CURSORS, /* enforcer: u32 count, cursors */
	LINK_READY,   /* enforcer: empty */
	LINK_BATCH,   /* analyzer: struct batch */
	LINK_ACK,     /* enforcer: u64 seq, u32 microseconds that its events took, the commit not counted */
	LINK_STALE,   /* enforcer: u64 seq */
	LINK_REFUSED, /* enforcer: text */
	LINK_NOTICE,  /* analyzer: a source's problem for `status`: text NAME, text PROBLEM (empty: solved) */
	LINK_DONE,    /* analyzer: the pass is over, empty; answered by LINK_ACK when projections are written */
	LINK_WANT,    /* enforcer: u64 seq, numbers (u32, ascending) of events of that batch whose texts it needs */
	LINK_TEXTS    /* analyzer: u64 seq, texts of those events in their order (batch.h); repeated until all are told */
};

#define LINK_VERSION    4
#define LINK_FRAME_MAX  (1U << 20)         /* one frame, header excluded */
#define LINK_EVENTS_MAX 8192               /* events of one batch */
#define LINK_OFFSET_MAX ((1ULL << 48) - 1) /* of a log */

/* A frame is u32 length (of what follows the type), u8 type, body; numbers little-endian. */
#define LINK_HEADER 5

/* A batch: u64 seq, u32 cursors, per cursor u64 from and the cursor as it will be after this batch, then the
 * events in the order in which they are to be judged (batch.h). `from` is the stored offset on which it builds (0 for id 0).
 * An event's offset lies in [from, to.offset). */
#define LINK_LOGS_MAX 8192 /* logs of one session; the enforcer keeps no more cursors than that either */
struct batch_cursor {
	uint64_t from;
	struct cursor to;
};

void cursor_encode(struct buf *out, const struct cursor *c);
int cursor_decode(struct slice *in, struct cursor *c, struct err *err);

/* Primitives of the codec, used for frames too. The get functions return -1 at the end of *in and leave it there. */
void put_u8(struct buf *out, uint8_t v);
void put_u16(struct buf *out, uint16_t v);
void put_u32(struct buf *out, uint32_t v);
void put_u64(struct buf *out, uint64_t v);
void put_text(struct buf *out, struct slice s); /* u16 length, bytes; cut at 65535 */
int get_u8(struct slice *in, uint8_t *v);
int get_u16(struct slice *in, uint16_t *v);
int get_u32(struct slice *in, uint32_t *v);
int get_u64(struct slice *in, uint64_t *v);
int get_text(struct slice *in, size_t max, struct slice *v); /* -1 too where longer than max */

/* Starts a frame in out and returns where; frame_end fills in the length. */
size_t frame_begin(struct buf *out, enum link_type type);
void frame_end(struct buf *out, size_t begin);
/* Takes one whole frame off the start of *in. 1: taken, body borrows; 0: more bytes are needed; -1: not a frame of ours. */
int frame_take(struct slice *in, enum link_type *type, struct slice *body, struct err *err);

#endif
