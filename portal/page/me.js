/* me: the caller's own address and its ban, for which nobody has to sign in. */

import { ask, press, tell } from './api.js';
import { find, make, put } from './make.js';
import { duration, has, moment, say, text } from './words.js';

const RECHECK = 60000; /* a ban may be lifted or set by others while the page is open */

let me = null;
let looked = () => {};
let over = null; /* when the ban ends, by this clock: that of the server may differ */

export function address() {
	return me?.ip ?? '';
}

/* Whether the address is banned or blocked. */
export function barred() {
	return me !== null && (me.banned || me.blocked);
}

/* What made a trigger ban, as a clause; without a trigger it was by hand. */
export function why(trigger) {
	const key = 'trigger.' + (trigger ?? '');
	return has(key) ? text(key) : text('trigger.other', { trigger });
}

export async function look() {
	const trouble = find('me-trouble');
	try {
		me = await ask('GET', 'me', { open: true });
	} catch (problem) {
		if (me === null) {
			put('me-title', say('me.unknown'));
			tell(trouble, problem, look);
		}
		return;
	}
	trouble.replaceChildren();
	over = me.banned && me.seconds !== null ? Date.now() + me.seconds * 1000 : null;
	show();
}

function show() {
	const more = find('me-more');
	const state = me.blocked ? 'blocked' : !me.banned ? 'free' : me.shared ? 'shared' : 'banned';
	find('me').dataset.state = state;
	find('me-unban').hidden = state !== 'banned' || me.lifts_left < 1;
	more.replaceChildren();
	if (state === 'banned' || state === 'shared') {
		headline();
		more.append(make('p', {}, say('me.banned_why', { why: why(me.trigger) })));
		if (state === 'shared') more.append(make('p', {}, say('me.shared')));
		else if (me.lifts_left < 1) more.append(make('p', {}, say('me.no_lifts')));
		else
			more.append(
				make('p', {}, say('me.banned_until', { until: me.until ? moment(me.until) : '' })),
				make('p', { className: 'hint' }, say('me.lifts', { n: me.lifts_left })),
			);
	} else {
		put('me-title', say('me.' + state, { ip: address() }));
		more.append(make('p', {}, say('me.' + state + '_more')));
	}
	looked();
	put('here', say(me.banned || me.blocked ? 'me.here_banned' : 'me.here', { ip: me.ip }));
}

function headline() {
	const left = over === null ? null : (over - Date.now()) / 1000;
	const words =
		left === null ? text('me.banned_endless', me) : text('me.banned', { ip: me.ip, time: duration(left) });
	const title = find('me-title');
	if (title.textContent !== words) title.textContent = words;
}

/* onLook is called whenever it is known anew. */
export function start(done, onLook) {
	looked = onLook;
	find('me-unban').onclick = () =>
		press(find('me-unban'), 'me.unbanning', find('me-trouble'), async () => {
			me = { ...me, ...(await ask('DELETE', 'me/ban', { open: true })) };
			over = null;
			show();
			done(say('me.lifted', { ip: me.ip }));
			find('me-title').focus();
		});
	setInterval(() => {
		if (over !== null && Date.now() >= over) look();
		else if (me?.banned) headline();
	}, 1000);
	setInterval(() => document.hidden || look(), RECHECK);
}
