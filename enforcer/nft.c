#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include "common/buf.h"
#include "enforcer/nft_private.h"

/* A nested attribute's length is 16 bits, and an element with counter and timeout takes up to 116 bytes. */
#define ELEMENTS_MAX 500
#define MESSAGE_MAX  (128U << 10)
#define BATCH_MAX    (256U << 20)

/* Numbers of nft's own data types (nftables' datatype.h), so that `nft list` shows elements as what they are. */
enum { DATATYPE_V4 = 7, DATATYPE_V6 = 8, DATATYPE_PORT = 13, DATATYPE_MARK = 19 };

int nft_failed(const char *what, struct err *err) {
	static const struct {
		int why;
		const char *hint;
	} hints[] = {
		{EPERM, ": run prov-enforcer as root or with CAP_NET_ADMIN"},
		{EMSGSIZE, ": raise net.core.wmem_max, or lower firewall.max_bans"},
		{EOPNOTSUPP, ": is nf_tables in this kernel?"},
		{EPROTONOSUPPORT, ": is nf_tables in this kernel?"},
		{ENOENT, ": what it changes is gone"},
	};
	int why = errno;

	(void)err_errno(err, "firewall: %s", what);
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].why == why)
			(void)strncat(err->text, hints[i].hint, sizeof(err->text) - strlen(err->text) - 1);
	return -1;
}

int nft_open(struct nft **out, const char *table, struct err *err) {
	static const struct timeval patience = {.tv_sec = 5};
	struct nft *nft = calloc(1, sizeof(*nft));
	int on = 1;
	int result = -1;

	if (!nft)
		return err_errno(err, "firewall");
	buf_init(&nft->batch, BATCH_MAX);
	nft->table = strdup(table);
	if (!nft->table) {
		err_errno(err, "firewall");
		goto done;
	}
	nft->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nft->socket || mnl_socket_bind(nft->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(nft->socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0) {
		(void)nft_failed("cannot speak to the kernel's nftables", err);
		goto done;
	}
	/* Answers to a batch that fails throughout are many: without the messages that they are about they take less room. */
	(void)mnl_socket_setsockopt(nft->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	nft->portid = mnl_socket_get_portid(nft->socket);
	*out = nft;
	nft = NULL;
	result = 0;
done:
	nft_close(&nft);
	return result;
}

void nft_close(struct nft **nft) {
	if (!*nft)
		return;
	if ((*nft)->gathered)
		nftnl_set_free((*nft)->gathered);
	if ((*nft)->socket)
		(void)mnl_socket_close((*nft)->socket);
	buf_release(&(*nft)->batch);
	free((*nft)->table);
	free(*nft);
	*nft = NULL;
}

uint32_t nft_port(const struct nft *nft) {
	return nft->portid;
}

/* ---- batches ---- */

/* libmnl leaves the bytes between attributes as it finds them: nothing of this process's memory goes with them. */
static char *message_room(struct nft *nft) {
	size_t had = nft->batch.room;
	char *at = buf_reserve(&nft->batch, MESSAGE_MAX);

	if (!at)
		nft->failed = true;
	else if (nft->batch.room > had)
		memset(nft->batch.p + had, 0, nft->batch.room - had);
	return at;
}

static struct nlmsghdr *message_begin(struct nft *nft, uint16_t type, uint16_t flags) {
	char *at = message_room(nft);

	if (!at)
		return NULL;
	nft->last_at = nft->batch.n;
	nft->last_seq = ++nft->seq;
	return nftnl_nlmsg_build_hdr(at, type, NFPROTO_INET, flags, nft->seq);
}

static void message_end(struct nft *nft, const struct nlmsghdr *message) {
	nft->batch.n += (message->nlmsg_len + 3U) & ~3U; /* MNL_ALIGN, unsigned */
}

static void batch_mark(struct nft *nft, bool begin) {
	char *at = message_room(nft);
	struct nlmsghdr *message;

	if (!at)
		return;
	message = begin ? nftnl_batch_begin(at, ++nft->seq) : nftnl_batch_end(at, ++nft->seq);
	message_end(nft, message);
}

void nft_begin(struct nft *nft) {
	buf_clear(&nft->batch);
	nft->failed = false;
	nft->last_seq = 0;
	nft->first_seq = nft->seq + 1;
	if (nft->gathered)
		nftnl_set_free(nft->gathered);
	nft->gathered = NULL;
	batch_mark(nft, true);
}

static void gathered_send(struct nft *nft) {
	struct nlmsghdr *message;

	if (!nft->gathered)
		return;
	message = message_begin(nft, nft->gathered_verb, nft->gathered_flags);
	if (message) {
		nftnl_set_elems_nlmsg_build_payload(message, nft->gathered);
		message_end(nft, message);
	}
	nftnl_set_free(nft->gathered);
	nft->gathered = NULL;
}

/* Reads what the kernel has put into the socket while it worked on the batch: errors, and the answer to the last message. */
static int answers(struct nft *nft, int *why, struct err *err) {
	bool answered = false, lost = false, more = true;
	int first = 0;

	while (more) {
		ssize_t n = recv(mnl_socket_get_fd(nft->socket), nft->answer, sizeof(nft->answer), MSG_DONTWAIT);
		int left = (int)n;

		if (n < 0 && (errno == EINTR || errno == ENOBUFS)) {
			lost = lost || errno == ENOBUFS;
			continue;
		}
		more = n > 0;
		for (const struct nlmsghdr *m = (void *)nft->answer; n > 0 && mnl_nlmsg_ok(m, left);
		     m = mnl_nlmsg_next(m, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);

			if (m->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(m) < sizeof(*e) ||
			    m->nlmsg_seq - nft->first_seq > nft->last_seq + 1 - nft->first_seq)
				continue; /* of a question before */
			if (e->error != 0 && first == 0)
				first = -e->error;
			if (e->error == 0 && m->nlmsg_seq == nft->last_seq)
				answered = true;
		}
	}
	if (first == 0 && answered && !lost)
		return 0;
	/* Without any answer the kernel has broken off: nothing was done. With one that was lost nobody knows. */
	*why = first ? first : lost ? ENOBUFS : EAGAIN;
	errno = *why;
	return nft_failed(first  ? "the kernel refused a batch"
	                  : lost ? "the kernel's answer to a batch was lost"
	                         : "the kernel did not answer a batch",
	                  err);
}

int nft_commit(struct nft *nft, int *why, struct err *err) {
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int size;
	ssize_t n;

	*why = 0;
	gathered_send(nft);
	if (!nft->failed && nft->last_seq == 0)
		return 0;
	if (!nft->failed)
		((struct nlmsghdr *)(void *)(nft->batch.p + nft->last_at))->nlmsg_flags |= NLM_F_ACK;
	batch_mark(nft, false);
	if (nft->failed)
		return err_set(err, ERR_SYSTEM, "firewall: out of memory for a batch of %zu bytes", nft->batch.n);
	/* A batch is one datagram: the kernel takes it whole, however large, where the send buffer allows. */
	size = (int)nft->batch.n;
	if (setsockopt(mnl_socket_get_fd(nft->socket), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(mnl_socket_get_fd(nft->socket), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	do
		n = sendto(mnl_socket_get_fd(nft->socket), nft->batch.p, nft->batch.n, 0, (struct sockaddr *)&kernel,
		           sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		*why = errno;
		return nft_failed("cannot send a batch", err);
	}
	if (nft->batch.room > MESSAGE_MAX * 8)
		buf_release(&nft->batch);
	return answers(nft, why, err);
}

/* ---- filling a batch ---- */

static void table_message(struct nft *nft, uint16_t verb, const char *comment) {
	struct nftnl_table *t = nftnl_table_alloc();
	struct nftnl_udata_buf *data = comment ? nftnl_udata_buf_alloc(256) : NULL;
	struct nlmsghdr *message;

	if (!t || (comment && !data)) {
		nft->failed = true;
		goto done;
	}
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, nft->table);
	if (comment && nftnl_udata_put_strz(data, NFTNL_UDATA_TABLE_COMMENT, comment))
		nftnl_table_set_data(t, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(data), nftnl_udata_buf_len(data));
	message = message_begin(nft, verb, verb == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);
	if (message) {
		nftnl_table_nlmsg_build_payload(message, t);
		message_end(nft, message);
	}
done:
	if (data)
		nftnl_udata_buf_free(data);
	if (t)
		nftnl_table_free(t);
}

void nft_add_table(struct nft *nft, const char *comment) {
	gathered_send(nft);
	table_message(nft, NFT_MSG_NEWTABLE, comment);
}

void nft_delete_table(struct nft *nft) {
	gathered_send(nft);
	table_message(nft, NFT_MSG_DELTABLE, NULL);
}

void nft_add_chain(struct nft *nft, const char *name, bool prerouting) {
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *message;

	gathered_send(nft);
	if (!c) {
		nft->failed = true;
		return;
	}
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, nft->table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	if (prerouting) {
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, NF_INET_PRE_ROUTING);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, -300); /* NF_IP_PRI_RAW; conntrack is at -200 */
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	message = message_begin(nft, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	if (message) {
		nftnl_chain_nlmsg_build_payload(message, c);
		message_end(nft, message);
	}
	nftnl_chain_free(c);
}

static const struct {
	uint32_t size, type;
} keys[] = {{4, DATATYPE_V4}, {16, DATATYPE_V6}, {2, DATATYPE_PORT}, {4, DATATYPE_MARK}};

uint32_t nft_key_size(enum nft_key key) {
	return keys[key].size;
}

static struct nftnl_expr *counter(uint64_t packets, uint64_t bytes) {
	struct nftnl_expr *e = nftnl_expr_alloc("counter");

	if (e && (packets || bytes)) {
		nftnl_expr_set_u64(e, NFTNL_EXPR_CTR_PACKETS, packets);
		nftnl_expr_set_u64(e, NFTNL_EXPR_CTR_BYTES, bytes);
	}
	return e;
}

void nft_add_set(struct nft *nft, const struct nft_set *set) {
	struct nftnl_set *s = nftnl_set_alloc();
	struct nftnl_expr *counts = set->expires ? counter(0, 0) : NULL;
	struct nlmsghdr *message;
	uint32_t flags = (set->ports ? NFT_SET_INTERVAL : 0U) | (set->expires ? NFT_SET_TIMEOUT : 0U);

	gathered_send(nft);
	if (!s || (set->expires && !counts)) {
		nft->failed = true;
		goto done;
	}
	nftnl_set_set_str(s, NFTNL_SET_TABLE, nft->table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, set->name);
	nftnl_set_set_u32(s, NFTNL_SET_ID, set->id);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, keys[set->key].type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, keys[set->key].size);
	if (counts) {
		nftnl_set_add_expr(s, counts);
		counts = NULL;
	}
	message = message_begin(nft, NFT_MSG_NEWSET, NLM_F_CREATE);
	if (message) {
		nftnl_set_nlmsg_build_payload(message, s);
		message_end(nft, message);
	}
done:
	if (counts)
		nftnl_expr_free(counts);
	if (s)
		nftnl_set_free(s);
}

static void gather(struct nft *nft, uint16_t verb, uint16_t flags, const struct nft_set *set,
                   const struct nft_element *element) {
	struct nftnl_set_elem *e = nftnl_set_elem_alloc();
	struct nftnl_expr *counts;

	if (nft->gathered && (nft->ngathered == ELEMENTS_MAX || nft->gathered_verb != verb ||
	                      nft->gathered_flags != flags || strcmp(nft->gathered_name, set->name) != 0))
		gathered_send(nft);
	if (!nft->gathered) {
		nft->gathered = nftnl_set_alloc();
		if (nft->gathered) {
			nftnl_set_set_str(nft->gathered, NFTNL_SET_TABLE, nft->table);
			nftnl_set_set_str(nft->gathered, NFTNL_SET_NAME, set->name);
			nftnl_set_set_u32(nft->gathered, NFTNL_SET_FAMILY, NFPROTO_INET);
		}
		nft->ngathered = 0;
		nft->gathered_verb = verb;
		nft->gathered_flags = flags;
		(void)slice_copy(slice_of(set->name), nft->gathered_name, sizeof(nft->gathered_name));
	}
	if (!e || !nft->gathered) {
		nft->failed = true;
		if (e)
			nftnl_set_elem_free(e);
		return;
	}
	nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, element->key, keys[set->key].size);
	if (element->end)
		nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	if (verb == NFT_MSG_NEWSETELEM && element->timeout)
		nftnl_set_elem_set_u64(e, NFTNL_SET_ELEM_TIMEOUT, element->timeout);
	if (verb == NFT_MSG_NEWSETELEM && set->expires && (element->packets || element->bytes)) {
		counts = counter(element->packets, element->bytes);
		if (counts)
			nftnl_set_elem_add_expr(e, counts);
		else
			nft->failed = true;
	}
	nftnl_set_elem_add(nft->gathered, e);
	nft->ngathered++;
}

void nft_add_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element) {
	gather(nft, NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, element);
}

void nft_add_new_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element) {
	gather(nft, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, set, element);
}

void nft_delete_element(struct nft *nft, const struct nft_set *set, const struct nft_element *element) {
	gather(nft, NFT_MSG_DELSETELEM, 0, set, element);
}

void nft_flush_set(struct nft *nft, const char *name) {
	struct nlmsghdr *message;

	gathered_send(nft);
	message = message_begin(nft, NFT_MSG_DELSETELEM, 0);
	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, nft->table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, name);
	message_end(nft, message);
}

/* ---- rules ---- */

struct rule_build {
	struct nftnl_rule *rule;
	bool failed;
};

static struct nftnl_expr *add(struct rule_build *b, const char *name) {
	struct nftnl_expr *e = nftnl_expr_alloc(name);

	if (e)
		nftnl_rule_add_expr(b->rule, e);
	else
		b->failed = true;
	return e;
}

static void add_equal(struct rule_build *b, const void *value, uint32_t n) {
	struct nftnl_expr *e = add(b, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, value, n);
}

static void add_meta_equal(struct rule_build *b, uint32_t key, uint8_t value) {
	struct nftnl_expr *e = add(b, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
	add_equal(b, &value, sizeof(value));
}

static void add_payload(struct rule_build *b, uint32_t base, uint32_t offset, uint32_t n) {
	struct nftnl_expr *e = add(b, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, n);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

static void add_mask(struct rule_build *b, unsigned bits, uint32_t n) {
	struct nftnl_expr *e = add(b, "bitwise");
	uint8_t mask[16] = {0};
	static const uint8_t zero[16];

	if (!e)
		return;
	for (unsigned i = 0; i < bits; i++)
		mask[i / 8] = (uint8_t)(mask[i / 8] | 0x80U >> i % 8);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, n);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, n);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, n);
}

static void add_lookup(struct rule_build *b, const struct nft_set *set) {
	struct nftnl_expr *e = add(b, "lookup");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set->name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, set->id);
}

static void add_verdict(struct rule_build *b, enum nft_verdict verdict, const char *target) {
	static const int codes[] = {NFT_RETURN, NF_DROP, NFT_GOTO};
	struct nftnl_expr *e = add(b, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)codes[verdict]);
	if (verdict == NFT_DO_GOTO)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, target);
}

void nft_add_rule(struct nft *nft, const struct nft_rule *rule) {
	struct rule_build b = {nftnl_rule_alloc(), false};
	uint16_t port = htons(rule->port);
	struct nlmsghdr *message;

	gathered_send(nft);
	if (!b.rule) {
		nft->failed = true;
		return;
	}
	nftnl_rule_set_str(b.rule, NFTNL_RULE_TABLE, nft->table);
	nftnl_rule_set_str(b.rule, NFTNL_RULE_CHAIN, rule->chain);
	nftnl_rule_set_u32(b.rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	if (rule->family)
		add_meta_equal(&b, NFT_META_NFPROTO, rule->family); /* NFPROTO_IPV4 and _IPV6 are AF_INET and AF_INET6 */
	if (rule->l4proto)
		add_meta_equal(&b, NFT_META_L4PROTO, rule->l4proto);
	if (rule->port || (rule->set && rule->set->ports))
		add_payload(&b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2); /* destination port of TCP and UDP */
	if (rule->port)
		add_equal(&b, &port, sizeof(port));
	if (rule->set && !rule->set->ports) {
		bool v4 = rule->set->key == NFT_KEY_V4;
		uint32_t size = keys[rule->set->key].size;

		add_payload(&b, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, size); /* source address */
		if (rule->bits < size * 8)
			add_mask(&b, rule->bits, size);
	}
	if (rule->set)
		add_lookup(&b, rule->set);
	add_verdict(&b, rule->verdict, rule->target);
	message = b.failed ? NULL : message_begin(nft, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	if (message) {
		nftnl_rule_nlmsg_build_payload(message, b.rule);
		message_end(nft, message);
	} else {
		nft->failed = true;
	}
	nftnl_rule_free(b.rule);
}
