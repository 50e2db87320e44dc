#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include "enforcer/netlink.h"
#include "enforcer/nft_private.h"

struct asked {
	int (*each)(const struct nlmsghdr *message, struct asked *a);
	void *context;
	const void *callback;
	int stopped; /* what a callback returned, not 0 */
	size_t told; /* elements */
	char *comment;
	size_t comment_size;
	uint64_t digest;
	uint32_t number;
};

/* What one message means for the question. */
struct answer {
	bool over;
	bool changed; /* the kernel says that what it told is not of one moment */
	int why;
};

static void answer_one(struct nft *nft, const struct nlmsghdr *m, uint32_t seq, struct asked *a,
                       struct answer *answer) {
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);

	if (m->nlmsg_seq != seq || m->nlmsg_pid != nft->portid)
		return; /* of a question that was given up */
	answer->changed = answer->changed || (m->nlmsg_flags & NLM_F_DUMP_INTR);
	if (m->nlmsg_type == NLMSG_DONE) {
		answer->over = true;
	} else if (m->nlmsg_type == NLMSG_ERROR) {
		answer->over = true;
		answer->why = mnl_nlmsg_get_payload_len(m) < sizeof(*e) ? EPROTO : -e->error;
	} else if (a->stopped == 0 && !answer->changed) {
		a->stopped = a->each(m, a);
	}
}

/* Sends one question and hands each answer to a->each; reads to the end in any case, as a dump that is left unread makes the kernel refuse
 * the next one (EBUSY). 1; 0 where what was asked for is not there; NFT_AGAIN; -1. */
static int ask(struct nft *nft, struct nlmsghdr *question, struct asked *a, struct err *err) {
	struct answer answer = {false, false, 0};
	uint32_t seq = question->nlmsg_seq;

	if (mnl_socket_sendto(nft->socket, question, question->nlmsg_len) < 0)
		return nft_failed("cannot ask the kernel", err);
	while (!answer.over) {
		ssize_t n = recv(mnl_socket_get_fd(nft->socket), nft->answer, sizeof(nft->answer), 0);
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			answer.changed = true; /* an answer was lost */
			continue;
		}
		if (n < 0)
			return nft_failed("the kernel's answer", err);
		for (const struct nlmsghdr *m = (void *)nft->answer; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
			answer_one(nft, m, seq, a, &answer);
	}
	errno = answer.why;
	if (answer.why == ENOENT)
		return 0;
	if (answer.why == EBUSY || answer.why == EINTR || answer.why == EAGAIN || answer.changed)
		return NFT_AGAIN;
	if (answer.why != 0)
		return nft_failed("the kernel's answer", err);
	if (a->stopped != 0)
		return err_set(err, ERR_SYSTEM, "firewall: stopped reading the kernel's answer");
	return 1;
}

static int comment_of(const struct nftnl_udata *attribute, void *data) {
	struct asked *a = data;

	if (nftnl_udata_type(attribute) == NFTNL_UDATA_TABLE_COMMENT)
		(void)slice_copy(
			(struct slice){nftnl_udata_get(attribute), strnlen(nftnl_udata_get(attribute), nftnl_udata_len(attribute))},
			a->comment, a->comment_size);
	return 0;
}

static int table_answer(const struct nlmsghdr *message, struct asked *a) {
	struct nftnl_table *t = nftnl_table_alloc();
	uint32_t n;
	const void *data;

	if (!t)
		return -1;
	if (nftnl_table_nlmsg_parse(message, t) == 0) {
		data = nftnl_table_get_data(t, NFTNL_TABLE_USERDATA, &n);
		if (data)
			(void)nftnl_udata_parse(data, n, comment_of, a);
	}
	nftnl_table_free(t);
	return 0;
}

int nft_table(struct nft *nft, char *comment, size_t size, struct err *err) {
	struct asked a = {.each = table_answer, .comment = comment, .comment_size = size};
	_Alignas(struct nlmsghdr) char question[512] = {0};
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(question, NFT_MSG_GETTABLE, NFPROTO_INET, NLM_F_ACK, ++nft->seq);

	comment[0] = '\0';
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, nft->table);
	return ask(nft, message, &a, err);
}

static int set_answer(const struct nlmsghdr *message, struct asked *a) {
	int (*const *each)(void *, const char *) = a->callback;
	struct nftnl_set *s = nftnl_set_alloc();
	int result = -1;

	if (s && nftnl_set_nlmsg_parse(message, s) == 0)
		result = (*each)(a->context, nftnl_set_get_str(s, NFTNL_SET_NAME));
	nftnl_set_free(s);
	return result;
}

int nft_sets(struct nft *nft, int (*each)(void *context, const char *name), void *context, struct err *err) {
	struct asked a = {.each = set_answer, .context = context, .callback = &each};
	_Alignas(struct nlmsghdr) char question[512] = {0};
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(question, NFT_MSG_GETSET, NFPROTO_INET, NLM_F_DUMP, ++nft->seq);

	mnl_attr_put_strz(message, NFTA_SET_TABLE, nft->table);
	return ask(nft, message, &a, err);
}

static uint64_t be_of(const void *p, size_t n) {
	const uint8_t *byte = p;
	uint64_t value = 0;

	for (size_t i = 0; p && i < n; i++)
		value = value << 8 | byte[i];
	return value;
}

/* A hundred thousand elements are read one after the other: no object is made of any. */
static bool element_of(const void *attributes, size_t size, struct nft_element *out, size_t *key_size) {
	const void *key, *expr, *data, *value;
	size_t n = 0;

	*out = (struct nft_element){0};
	key = netlink_attribute_in(attributes, size, NFTA_SET_ELEM_KEY, &n);
	out->key = key ? netlink_attribute_in(key, n, NFTA_DATA_VALUE, key_size) : NULL;
	value = netlink_attribute_in(attributes, size, NFTA_SET_ELEM_FLAGS, &n);
	out->end = be_of(value, n) & NFT_SET_ELEM_INTERVAL_END;
	value = netlink_attribute_in(attributes, size, NFTA_SET_ELEM_EXPIRATION, &n);
	out->timeout = be_of(value, n);
	expr = netlink_attribute_in(attributes, size, NFTA_SET_ELEM_EXPR, &size);
	value = expr ? netlink_attribute_in(expr, size, NFTA_EXPR_NAME, &n) : NULL;
	if (!value || n != sizeof("counter") || memcmp(value, "counter", n) != 0)
		return out->key != NULL;
	data = netlink_attribute_in(expr, size, NFTA_EXPR_DATA, &size);
	value = data ? netlink_attribute_in(data, size, NFTA_COUNTER_PACKETS, &n) : NULL;
	out->packets = be_of(value, n);
	value = data ? netlink_attribute_in(data, size, NFTA_COUNTER_BYTES, &n) : NULL;
	out->bytes = be_of(value, n);
	return out->key != NULL;
}

static int elements_answer(const struct nlmsghdr *message, struct asked *a) {
	int (*const *each)(void *, const struct nft_element *, size_t) = a->callback;
	size_t left, n, key_size;
	const char *p = netlink_attribute(message, sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_ELEMENTS, &left);
	struct nft_element element;
	const void *one;
	int result = 0;

	while (result == 0 && p && (one = netlink_attribute_in(p, left, NFTA_LIST_ELEM, &n))) {
		if (element_of(one, n, &element, &key_size)) {
			a->told++;
			result = (*each)(a->context, &element, key_size);
		}
		n = (n + 3) & ~(size_t)3;
		left -= (size_t)((const char *)one - p);
		left -= n < left ? n : left;
		p = (const char *)one + n;
	}
	return result;
}

int nft_elements(struct nft *nft, const char *set,
                 int (*each)(void *context, const struct nft_element *element, size_t key_size), void *context,
                 struct err *err) {
	struct asked a = {.each = elements_answer, .context = context, .callback = &each};
	_Alignas(struct nlmsghdr) char question[512] = {0};
	struct nlmsghdr *message =
		nftnl_nlmsg_build_hdr(question, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, ++nft->seq);

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, nft->table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set);
	return ask(nft, message, &a, err);
}

/* Each is answered by a message of its own, and all must find room in the socket before the first is read: by default 40 do. */
#define ASKED_MAX 32

int nft_elements_of(struct nft *nft, const struct nft_set *set, const void *const *keys, size_t n,
                    int (*each)(void *context, const struct nft_element *element, size_t key_size), void *context,
                    struct err *err) {
	struct asked a = {.each = elements_answer, .context = context, .callback = &each};
	size_t asked = 0, before = 0;
	int result = 1;

	/* The kernel stops at one that is not there. */
	while (asked < n && result >= 0 && result != NFT_AGAIN) {
		_Alignas(struct nlmsghdr) char question[4096] = {0};
		struct nlmsghdr *message =
			nftnl_nlmsg_build_hdr(question, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_ACK, ++nft->seq);
		size_t last = n - asked < ASKED_MAX ? n : asked + ASKED_MAX;
		struct nlattr *list;

		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, nft->table);
		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set->name);
		list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (size_t i = asked; i < last; i++) {
			struct nlattr *one = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
			struct nlattr *key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);

			mnl_attr_put(message, NFTA_DATA_VALUE, nft_key_size(set->key), keys[i]);
			mnl_attr_nest_end(message, key);
			mnl_attr_nest_end(message, one);
		}
		mnl_attr_nest_end(message, list);
		before = a.told;
		result = ask(nft, message, &a, err);
		asked = result == 0 ? asked + (a.told - before) + 1 : last;
	}
	return result == 0 ? 1 : result;
}

int nft_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element,
                int (*each)(void *context, const struct nft_element *element, size_t key_size), void *context,
                struct err *err) {
	return nft_elements_of(nft, set, &element->key, 1, each, context, err);
}

/* ---- has it changed? ---- */

static int number_answer(const struct nlmsghdr *message, struct asked *a) {
	size_t n;
	const void *value = netlink_attribute(message, sizeof(struct nfgenmsg), NFTA_GEN_ID, &n);

	if (!value || n != sizeof(a->number))
		return -1;
	memcpy(&a->number, value, n);
	a->number = ntohl(a->number);
	return 0;
}

int nft_number(struct nft *nft, uint32_t *number, struct err *err) {
	struct asked a = {.each = number_answer};
	_Alignas(struct nlmsghdr) char question[64] = {0};
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(question, NFT_MSG_GETGEN, NFPROTO_UNSPEC, NLM_F_ACK, ++nft->seq);
	int result = ask(nft, message, &a, err);

	if (result == 1)
		*number = a.number;
	return result;
}

/* Tables, chains and rules with all that the kernel tells of them; of a set its name and handle, as the rest changes with its elements. */
static int digest_answer(const struct nlmsghdr *message, struct asked *a) {
	static const size_t skip = sizeof(struct nfgenmsg);
	const struct nfgenmsg *general = mnl_nlmsg_get_payload(message);
	const char *table = a->context;
	const void *p, *handle;
	size_t n, handle_size;

	/* NFTA_TABLE_NAME, and as well NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE */
	p = netlink_attribute(message, skip, NFTA_TABLE_NAME, &n);
	if (!p || general->nfgen_family != NFPROTO_INET || n != strlen(table) + 1 || memcmp(p, table, n) != 0)
		return 0;
	if ((message->nlmsg_type & 0xff) != NFT_MSG_NEWSET) {
		a->digest = hash_bytes(a->digest, (const char *)general + skip, mnl_nlmsg_get_payload_len(message) - skip);
		return 0;
	}
	p = netlink_attribute(message, skip, NFTA_SET_NAME, &n);
	handle = netlink_attribute(message, skip, NFTA_SET_HANDLE, &handle_size);
	if (p)
		a->digest = hash_bytes(a->digest, p, n);
	if (handle)
		a->digest = hash_bytes(a->digest, handle, handle_size);
	return 0;
}

int nft_digest(struct nft *nft, uint64_t *digest, struct err *err) {
	static const uint16_t questions[] = {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETSET};
	struct asked a = {.each = digest_answer, .context = nft->table};
	int result = 1;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]) && result == 1; i++) {
		_Alignas(struct nlmsghdr) char question[512] = {0};
		struct nlmsghdr *message = nftnl_nlmsg_build_hdr(question, questions[i], NFPROTO_INET, NLM_F_DUMP, ++nft->seq);

		/* Kernels that do not narrow the answer down tell of other tables too. */
		if (questions[i] != NFT_MSG_GETTABLE)
			mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, nft->table);
		result = ask(nft, message, &a, err);
	}
	*digest = a.digest;
	return result;
}
