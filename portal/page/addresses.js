/* addresses: whether an address is banned, for those who may lift the bans of others. */

import { ask, path, press, tell } from './api.js';
import { button, find, make } from './make.js';
import { why } from './me.js';
import { moment, say } from './words.js';

let done = () => {};

function ban(entry) {
	if (entry.kind === 'block') return say('addresses.block');
	if (entry.status === 'pending') return say('addresses.ban_pending', { why: why(entry.trigger) });
	return say('addresses.ban', { why: why(entry.trigger), until: entry.until ? moment(entry.until) : '' });
}

/* A ban of a wider prefix is lifted by its own name. */
function unban(prefix, ip, trouble) {
	const lift = async () => {
		await ask('DELETE', 'addresses/' + path(prefix, 'ban'));
		done(say('addresses.unbanned', { ip: prefix }));
		await look(ip);
		find('address').focus();
	};
	const pressed = (event) => press(event.currentTarget, 'me.unbanning', trouble, lift);
	return button(pressed, { className: 'main' }, say('addresses.unban'), prefix === ip ? '' : ' ' + prefix);
}

function show(found) {
	const { ip, status } = found;
	const is = (word) => status.includes(word);
	const state = is('blocked') ? 'blocked' : is('banned') ? 'banned' : 'free';
	const lines = found.bans.filter((entry) => entry.kind !== 'allow').map(ban);
	const trouble = make('div', { role: 'alert' });
	if (found.never) lines.push(say('addresses.never', { why: found.never }));
	if (is('allowed')) lines.push(say('addresses.allowed'));
	if (is('failed')) lines.push(say('addresses.failed'));
	if (found.devices) lines.push(say('addresses.home', { n: found.devices }));
	const card = find('address-found');
	card.dataset.state = state;
	card.replaceChildren(
		make('h2', {}, say('addresses.' + state, { ip })),
		...lines.map((line) => make('p', {}, line)),
		trouble,
	);
	for (const each of found.bans)
		if (each.kind === 'ban' && (each.status === 'banned' || each.status === 'pending'))
			card.append(make('p', { className: 'actions' }, unban(each.ip, ip, trouble)));
	card.hidden = false;
}

async function look(ip) {
	const trouble = find('addresses-trouble');
	trouble.replaceChildren();
	find('address-found').hidden = true;
	try {
		show(await ask('GET', 'addresses/' + path(ip)));
	} catch (problem) {
		tell(trouble, problem);
	}
}

export function start(onDone) {
	done = onDone;
	find('address-form').onsubmit = (event) => {
		event.preventDefault();
		look(find('address').value.trim());
	};
}
