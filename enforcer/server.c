#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "enforcer/backup.h"
#include "enforcer/control.h"
#include "enforcer/hook.h"
#include "enforcer/host.h"
#include "enforcer/link.h"
#include "enforcer/newfile.h"
#include "enforcer/projection.h"
#include "enforcer/server.h"

#define EARLY_EVERY  30000 /* milliseconds between looks for early events whose time has come, while there are any */
#define BACKUP_EVERY 100   /* milliseconds between two parts of a backup while there always is something else to do */
#define PEERS        (SERVER_CONTROLS + SERVER_LINKS + SERVER_PORTALS)

enum { LISTENER_CONTROL, LISTENER_EVENTS, LISTENER_PORTAL, LISTENERS };
enum { NOTICE_FIREWALL, NOTICE_HOST, NOTICES }; /* of the kernel, behind those of the hook */

/* One connection; a free slot has neither. */
struct peer {
	struct control *control;
	struct link *link;
	struct stream *stream;
	int listener;
	uid_t uid;     /* of control connections */
	int64_t since; /* when it last did something */
	bool given;    /* inherited from who started us: its end tells that our work is done */
	bool ended;    /* given, and at its end: kept open, as who started us waits for ours */
};

struct server {
	struct enforcer *e;
	int folder; /* of the state, for paths of any length */
	int signals;
	sigset_t former;
	bool blocked;
	int listeners[LISTENERS];
	bool bound[LISTENERS];
	struct peer peers[PEERS];
	int64_t early_at;
	int64_t alive_at;  /* when ENFORCER_ALIVE is told next */
	int64_t backup_at; /* when the next part of a backup is made though somebody waits */
	bool waiting;      /* a whole frame of somebody has not been looked at yet */
};

static const struct {
	const char *name;
	mode_t mode;
	unsigned most; /* connections */
} sockets[LISTENERS] = {
	[LISTENER_CONTROL] = {ENFORCER_CONTROL_SOCKET, 0660, SERVER_CONTROLS},
	[LISTENER_EVENTS] = {ENFORCER_EVENTS_SOCKET, 0600, SERVER_LINKS},
	[LISTENER_PORTAL] = {ENFORCER_PORTAL_SOCKET, 0660, SERVER_PORTALS},
};

/* ---- peers ---- */

static void drop(struct peer *p) {
	control_free(&p->control);
	link_free(&p->link);
	*p = (struct peer){0};
}

static uid_t uid_of(int fd) {
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.uid : (uid_t)-1;
}

static unsigned connections(const struct server *s, int listener, uid_t uid) {
	unsigned n = 0;

	for (unsigned i = 0; i < PEERS; i++)
		n += s->peers[i].stream && s->peers[i].listener == listener && s->peers[i].uid == uid;
	return n;
}

static bool rests(const struct peer *p) {
	return p->stream->in.n == 0 && p->stream->out.n == 0;
}

/* Who gives way: of the user who has most connections, so that none can keep out another, the one that rests for longest; one at work only for another
 * user's. */
static struct peer *give_way(struct server *s, int listener, uid_t uid) {
	struct peer *out = NULL;
	unsigned most = connections(s, listener, uid);
	uid_t whose = uid;

	for (unsigned i = 0; i < PEERS; i++) {
		const struct peer *p = &s->peers[i];
		unsigned n = p->stream && p->listener == listener ? connections(s, listener, p->uid) : 0;

		if (n > most) {
			most = n;
			whose = p->uid;
		}
	}
	for (unsigned i = 0; i < PEERS; i++) {
		struct peer *p = &s->peers[i];

		if (!p->stream || p->listener != listener || p->uid != whose || p->given || (whose == uid && !rests(p)))
			continue;
		if (!out || (rests(p) && !rests(out)) || (rests(p) == rests(out) && p->since < out->since))
			out = p;
	}
	if (out)
		drop(out);
	return out;
}

/* An analyzer's connection never gives way. */
static struct peer *slot(struct server *s, int listener, uid_t uid) {
	struct peer *free_slot = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < PEERS; i++) {
		struct peer *p = &s->peers[i];

		if (!p->stream)
			free_slot = p;
		n += p->stream && p->listener == listener;
	}
	if (n < sockets[listener].most)
		return free_slot;
	return listener == LISTENER_EVENTS ? NULL : give_way(s, listener, uid);
}

/* Takes fd. */
static void welcome(struct server *s, int listener, int fd, bool given) {
	uid_t uid = uid_of(fd);
	struct peer *p = slot(s, listener, uid);
	struct err err;

	if (!p) {
		(void)close(fd);
		return;
	}
	if (listener == LISTENER_EVENTS ? link_new(&p->link, s->e, fd, &err) < 0
	                                : control_new(&p->control, s->e, fd, listener == LISTENER_PORTAL, &err) < 0) {
		s->e->options.say(s->e->options.context, err.text);
		return;
	}
	s->e->fed = s->e->fed || p->link;
	p->stream = p->control ? control_stream(p->control) : link_stream(p->link);
	p->listener = listener;
	p->uid = uid;
	p->since = monotonic_ms();
	p->given = given;
	(void)stream_write(p->stream);
}

static void accept_one(struct server *s, int listener) {
	int fd = accept4(s->listeners[listener], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		welcome(s, listener, fd, false);
}

static int64_t peer_deadline(const struct peer *p) {
	int64_t at = stream_deadline(p->stream);

	if (p->link && !link_greeted(p->link) && (at == 0 || p->since + STREAM_STUCK < at))
		at = p->since + STREAM_STUCK;
	return at;
}

static unsigned served(const struct server *s) {
	unsigned n = 0;

	for (unsigned i = 0; i < PEERS; i++)
		n += s->peers[i].stream && !s->peers[i].ended;
	return n;
}

static void part(struct server *s, struct peer *p) {
	if (p->given && s->e->options.once)
		p->ended = true;
	else
		drop(p);
}

/* Who started us waits for our end; where others are still being served it is told not to. Asked when all who came have been let in:
 * nobody who was greeted may be left without an answer. */
static void settle(struct server *s) {
	static const char stays[CONTROL_HEADER] = {0, 0, 0, 0, 's'};

	if (served(s) == 0)
		return;
	for (unsigned i = 0; i < PEERS; i++) {
		struct peer *p = &s->peers[i];

		if (!p->ended)
			continue;
		if (p->control) {
			buf_clear(&p->stream->out);
			buf_add(&p->stream->out, stays, sizeof(stays));
			(void)stream_write(p->stream);
		}
		drop(p);
	}
}

static void serve(struct server *s, struct peer *p, short events) {
	bool broken = false;
	int step = 0;

	if (events & (POLLIN | POLLHUP | POLLERR))
		broken = stream_read(p->stream) < 0;
	broken = broken || stream_write(p->stream) < 0;
	/* A client that does not read its answers is asked nothing more, so that it holds up itself alone. */
	if (!broken && p->control && p->stream->out.n == 0)
		step = control_step(p->control);
	else if (!broken && p->link)
		step = link_step(p->link);
	if (step > 0)
		p->since = monotonic_ms();
	broken = stream_write(p->stream) < 0 || broken || step < 0;
	if (broken || (p->stream->closed && step == 0 && (p->stream->out.n == 0 || (events & POLLERR)))) {
		part(s, p);
		return;
	}
	if (peer_deadline(p) && monotonic_ms() >= peer_deadline(p)) {
		part(s, p);
		return;
	}
	s->waiting = s->waiting || (step > 0 && (p->stream->in.n > 0 || p->stream->closed));
}

/* ---- sockets ---- */

/* The path by way of the folder's descriptor, as an address holds 107 bytes only. */
static int bind_at(struct server *s, int listener, const struct stat *folder, gid_t group, struct err *err) {
	const char *name = sockets[listener].name;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char fresh[64];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_errno(err, "%s", name);
	(void)snprintf(fresh, sizeof(fresh), ".%s.new", name);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", s->folder, fresh);
	/* Complete before it has its name: who finds it can connect. We hold the lock, so what is there is a dead enforcer's. */
	if ((unlinkat(s->folder, fresh, 0) < 0 && errno != ENOENT) ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    fchmodat(s->folder, fresh, sockets[listener].mode, 0) < 0)
		goto fail;
	if (folder->st_uid != geteuid() || folder->st_gid != getegid())
		if (fchownat(s->folder, fresh, folder->st_uid, folder->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EPERM)
			goto fail;
	if (group != (gid_t)-1 && fchownat(s->folder, fresh, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) < 0)
		goto fail;
	if (listen(fd, SERVER_CONTROLS) < 0 || renameat(s->folder, fresh, s->folder, name) < 0)
		goto fail;
	s->listeners[listener] = fd;
	s->bound[listener] = true;
	return 0;
fail:
	(void)err_errno(err, "%s/%s", s->e->conf->state, name);
	(void)close(fd);
	return -1;
}

/* The portal's, whose connections last, would keep one command's enforcer from its end. Without it all else goes on; the file of tokens has the same
 * group, and tells `status` what is wrong with it. */
static void bind_portal(struct server *s, const struct stat *folder) {
	const struct enforcer_options *o = &s->e->options;
	struct err err;
	gid_t group;

	if (o->once)
		return;
	if (newfile_group("portal.group", s->e->conf->portal.group, &group, &err) < 0 ||
	    bind_at(s, LISTENER_PORTAL, folder, group, &err) < 0)
		o->say(o->context, err.text);
}

/* An analyzer is another user, who may give no commands. Where it may not be shared who cannot connect tells. */
static void share_link(struct server *s) {
	gid_t group = s->e->options.link_group;

	if (group > 0 && fchownat(s->folder, ENFORCER_EVENTS_SOCKET, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) == 0)
		(void)!fchmodat(s->folder, ENFORCER_EVENTS_SOCKET, 0660, 0);
}

static int bind_all(struct server *s, struct err *err) {
	struct stat folder;

	s->folder = open(s->e->conf->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->folder < 0 || fstat(s->folder, &folder) < 0)
		return err_errno(err, "%s", s->e->conf->state);
	if (bind_at(s, LISTENER_CONTROL, &folder, (gid_t)-1, err) < 0 ||
	    bind_at(s, LISTENER_EVENTS, &folder, (gid_t)-1, err) < 0)
		return -1;
	share_link(s);
	bind_portal(s, &folder);
	return 0;
}

static int watch_signals(struct server *s, struct err *err) {
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, &s->former) < 0)
		return err_errno(err, "signals");
	s->blocked = true;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals < 0 ? err_errno(err, "signals") : 0;
}

static void close_given(const struct enforcer_options *o) {
	if (o->control_fd >= 0)
		(void)close(o->control_fd);
	if (o->events_fd >= 0)
		(void)close(o->events_fd);
}

int server_new(struct server **out, struct enforcer *e, struct err *err) {
	const struct enforcer_options *o = &e->options;
	struct server *s = calloc(1, sizeof(*s));

	if (!s) {
		close_given(o);
		return err_errno(err, "server");
	}
	s->e = e;
	s->folder = s->signals = -1;
	for (int i = 0; i < LISTENERS; i++)
		s->listeners[i] = -1;
	if (watch_signals(s, err) < 0 || (!o->dry_run && bind_all(s, err) < 0)) {
		close_given(o);
		server_free(&s);
		return -1;
	}
	/* Who started us is greeted last: from then on others can reach us too. */
	if (o->control_fd >= 0)
		welcome(s, LISTENER_CONTROL, o->control_fd, true);
	if (o->events_fd >= 0)
		welcome(s, LISTENER_EVENTS, o->events_fd, true);
	*out = s;
	return 0;
}

void server_free(struct server **s) {
	struct server *old = *s;

	if (!old)
		return;
	for (int i = 0; i < LISTENERS; i++) {
		if (old->bound[i])
			(void)unlinkat(old->folder, sockets[i].name, 0);
		if (old->listeners[i] >= 0)
			(void)close(old->listeners[i]);
	}
	for (unsigned i = 0; i < PEERS; i++)
		drop(&old->peers[i]);
	if (old->signals >= 0)
		(void)close(old->signals);
	if (old->blocked)
		(void)sigprocmask(SIG_SETMASK, &old->former, NULL);
	if (old->folder >= 0)
		(void)close(old->folder);
	free(old);
	*s = NULL;
}

/* ---- the loop ---- */

static void sooner(int64_t *wait, int64_t at) {
	int64_t now = monotonic_ms();
	int64_t left = at > now ? at - now : 0;

	if (*wait < 0 || left < *wait)
		*wait = left;
}

/* Of one pass it is made behind it. */
static int64_t backup_left(const struct server *s) {
	return s->e->options.once && served(s) > 0 ? -1 : backup_wait(s->e);
}

static int64_t how_long(struct server *s) {
	int64_t wait = projection_wait(s->e), hook = hook_wait(s->e), backup = backup_left(s);
	int64_t census = census_wait(s->e);

	if (s->waiting)
		return 0;
	if (s->e->options.beat)
		sooner(&wait, s->alive_at);
	for (unsigned i = 0; i < PEERS; i++)
		if (s->peers[i].stream && !s->peers[i].ended && peer_deadline(&s->peers[i]))
			sooner(&wait, peer_deadline(&s->peers[i]));
	if (s->e->early && s->early_at == 0)
		s->early_at = monotonic_ms() + EARLY_EVERY;
	if (s->early_at)
		sooner(&wait, s->early_at);
	if (s->e->host && host_wait(s->e->host) >= 0 && (wait < 0 || host_wait(s->e->host) < wait))
		wait = host_wait(s->e->host);
	if (hook >= 0 && (wait < 0 || hook < wait))
		wait = hook;
	if (backup >= 0 && (wait < 0 || backup < wait))
		wait = backup;
	if (census >= 0 && (wait < 0 || census < wait))
		wait = census;
	return wait > 3600000 ? 3600000 : wait;
}

/* A signal that was waited for: true where the enforcer must act. */
static bool take_signal(struct server *s, enum server_call *call) {
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return false;
	*call = info.ssi_signo == SIGHUP ? SERVER_RELOAD : SERVER_END;
	return true;
}

/* idle: nobody wants anything. */
static void take_times(struct server *s, bool idle) {
	struct err err;

	if (s->e->host && host_wait(s->e->host) == 0)
		enforcer_read_host(s->e);
	if (projection_wait(s->e) == 0)
		projection_tick(s->e);
	if (backup_left(s) == 0 && (idle || monotonic_ms() >= s->backup_at)) {
		backup_tick(s->e);
		s->backup_at = monotonic_ms() + BACKUP_EVERY;
	}
	if (census_wait(s->e) == 0)
		census_tick(s->e);
	if (s->early_at && monotonic_ms() >= s->early_at) {
		s->early_at = 0;
		if (enforcer_take_due(s->e, &err) < 0)
			s->e->options.say(s->e->options.context, err.text);
		else
			(void)projection_follow(s->e, false, &err);
	}
	if (s->e->options.beat && monotonic_ms() >= s->alive_at) {
		s->alive_at = monotonic_ms() + s->e->options.beat;
		s->e->options.tell(s->e->options.context, ENFORCER_ALIVE);
	}
}

int server_run(struct server *s, enum server_call *call, struct err *err) {
	while (!s->e->options.once || served(s) > 0 || hook_lingers(s->e) || backup_lingers(s->e)) {
		struct pollfd fds[1 + LISTENERS + PEERS + HOOK_POLLS + NOTICES];
		struct pollfd *notices;
		struct peer *peers[PEERS];
		nfds_t n = 1 + LISTENERS;
		bool idle = !s->waiting;
		int ready;

		fds[0] = (struct pollfd){.fd = s->signals, .events = POLLIN};
		for (int i = 0; i < LISTENERS; i++)
			fds[1 + i] = (struct pollfd){.fd = s->listeners[i], .events = POLLIN}; /* -1 is left out by poll */
		for (unsigned i = 0; i < PEERS; i++) {
			if (!s->peers[i].stream || s->peers[i].ended)
				continue;
			peers[n - 1 - LISTENERS] = &s->peers[i];
			fds[n++] = (struct pollfd){.fd = s->peers[i].stream->fd, .events = stream_events(s->peers[i].stream)};
		}
		hook_poll(s->e->hook, fds + n);
		notices = fds + n + HOOK_POLLS;
		notices[NOTICE_FIREWALL] = (struct pollfd){.fd = projection_fd(s->e), .events = POLLIN};
		notices[NOTICE_HOST] = (struct pollfd){.fd = s->e->host ? host_fd(s->e->host) : -1, .events = POLLIN};
		ready = poll(fds, n + HOOK_POLLS + NOTICES, (int)how_long(s));
		if (ready < 0 && errno != EINTR)
			return err_errno(err, "poll");
		idle = idle && ready == 0;
		s->waiting = false;
		if ((fds[0].revents & POLLIN) && take_signal(s, call))
			return 0;
		/* Links first: who started us closes its command connection after its analyzer's, and is told by the order in which both end. */
		for (int links = 1; links >= 0; links--)
			for (nfds_t i = 1 + LISTENERS; i < n; i++)
				if (peers[i - 1 - LISTENERS]->stream && links == (peers[i - 1 - LISTENERS]->link != NULL))
					serve(s, peers[i - 1 - LISTENERS], fds[i].revents);
		for (int i = 0; i < LISTENERS; i++)
			if (fds[1 + i].revents & POLLIN)
				accept_one(s, i);
		settle(s);
		if (notices[NOTICE_HOST].revents)
			host_hear(s->e->host);
		take_times(s, idle);
		hook_step(s->e);
		projection_heard(s->e); /* always, and last: what was done above may have heard it already */
	}
	*call = SERVER_END;
	return 0;
}
