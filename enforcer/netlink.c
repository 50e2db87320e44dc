#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enforcer/netlink.h"

#define MESSAGES_MAX (64U << 10) /* of one datagram: what the kernel makes is half of it at most */
#define QUEUE        (4 << 20)   /* bytes that may wait to be heard */
#define PATIENCE     5000        /* milliseconds for an answer */

struct messages {
	_Alignas(struct nlmsghdr) char bytes[MESSAGES_MAX];
	struct sockaddr_nl from;
};

int netlink_open(int protocol, struct err *err) {
	struct sockaddr_nl own = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int size = QUEUE;

	if (fd < 0)
		return err_errno(err, "netlink");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0) {
		(void)err_errno(err, "netlink");
		(void)close(fd);
		return -1;
	}
	return fd;
}

int netlink_group(int fd, unsigned group, bool join, struct err *err) {
	if (setsockopt(fd, SOL_NETLINK, join ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group, sizeof(group)) < 0)
		return err_errno(err, "netlink: group %u", group);
	return 0;
}

/* One datagram of the kernel: its size; 0 nothing waits; -1. Who else may send to us is not listened to. */
static ssize_t receive(int fd, struct messages *m) {
	ssize_t n;

	do {
		struct iovec to = {m->bytes, sizeof(m->bytes)};
		struct msghdr header = {.msg_name = &m->from, .msg_namelen = sizeof(m->from), .msg_iov = &to, .msg_iovlen = 1};

		n = recvmsg(fd, &header, 0);
		if (n >= 0 && (header.msg_flags & MSG_TRUNC)) {
			errno = ENOBUFS;
			return -1;
		}
	} while ((n >= 0 && m->from.nl_pid != 0) || (n < 0 && errno == EINTR));
	return n < 0 && errno == EAGAIN ? 0 : n;
}

static const struct nlmsghdr *message_at(const struct messages *m, size_t n, size_t *at) {
	const struct nlmsghdr *message = (const void *)(m->bytes + *at);

	if (*at > n || n - *at < sizeof(*message) || message->nlmsg_len < sizeof(*message) || message->nlmsg_len > n - *at)
		return NULL;
	*at += ((size_t)message->nlmsg_len + 3) & ~(size_t)3;
	return message;
}

int netlink_hear(int fd, netlink_each each, void *context) {
	struct messages m;
	const struct nlmsghdr *message;
	bool lost = false;
	ssize_t n;

	while ((n = receive(fd, &m)) > 0 || (n < 0 && errno == ENOBUFS)) {
		lost = lost || n < 0;
		for (size_t at = 0; n > 0 && (message = message_at(&m, (size_t)n, &at));)
			each(context, message);
	}
	return n < 0 || lost ? -1 : 0;
}

int netlink_dump(int fd, struct nlmsghdr *question, netlink_each each, void *context, struct err *err) {
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct messages m;
	const struct nlmsghdr *message;
	bool whole = true;

	question->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (sendto(fd, question, question->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return err_errno(err, "netlink: cannot ask the kernel");
	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t n = receive(fd, &m);

		if (n < 0)
			return err_errno(err, "netlink: the kernel's answer");
		if (n == 0 && poll(&wait, 1, PATIENCE) == 0)
			return err_set(err, ERR_SYSTEM, "netlink: the kernel does not answer");
		for (size_t at = 0; n > 0 && (message = message_at(&m, (size_t)n, &at));) {
			whole = whole && !(message->nlmsg_flags & NLM_F_DUMP_INTR);
			if (message->nlmsg_type == NLMSG_DONE)
				return whole;
			if (message->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(message);

				errno = message->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) ? -e->error : EPROTO;
				return err_errno(err, "netlink: the kernel's answer");
			}
			each(context, message);
		}
	}
}

const void *netlink_attribute_in(const void *attributes, size_t size, unsigned type, size_t *n) {
	const char *p = attributes;
	struct nlattr a;

	while (size >= sizeof(a)) {
		size_t whole;

		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > size)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*n = a.nla_len - sizeof(a);
			return p + sizeof(a);
		}
		whole = ((size_t)a.nla_len + 3) & ~(size_t)3;
		if (whole > size)
			return NULL;
		p += whole;
		size -= whole;
	}
	return NULL;
}

const void *netlink_attribute(const struct nlmsghdr *message, size_t skip, unsigned type, size_t *n) {
	size_t payload = message->nlmsg_len - NLMSG_HDRLEN;

	if (payload < skip)
		return NULL;
	return netlink_attribute_in((const char *)message + NLMSG_HDRLEN + skip, payload - skip, type, n);
}
