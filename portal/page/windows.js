/* windows: addresses that are open to the phones of an account for some hours, and the networks that always are. */

import { ask, path, press, tell } from './api.js';
import { address } from './me.js';
import { cell } from './phones.js';
import { sure } from './sure.js';
import { find, make, moment, say, text } from './words.js';

const HOUR = 3600e3;

let account = () => null; /* of the token; null: any */
let done = () => {};

function row(window) {
	const ip = window.window;
	const whose = window.account === '*' ? text('windows.any') : window.account;
	const close = make('button', { type: 'button', id: 'close-' + whose + '-' + ip, onclick: () => openClose(window),
		'aria-label': text('windows.close_address', { ip }) }, say('windows.close'));
	return make('tr', { role: 'row' },
		make('th', { role: 'rowheader', scope: 'row' }, make('div', { className: 'ip' }, ip)),
		cell('phones.account', whose), cell('windows.until', moment(window.until)), cell('', close));
}

function openClose({ window: ip, account: whose }) {
	sure({
		title: say('window.close_title', { ip }),
		lead: say('window.close_text'),
		label: say('windows.close'),
		saying: 'window.closing',
		work: async () => {
			await ask('DELETE', 'windows/' + path(whose, ip));
			done(say('window.closed', { ip }));
			find('windows-title').focus();
		},
	});
}

export async function load() {
	const trouble = find('windows-trouble');
	trouble.replaceChildren();
	try {
		const [windows, networks] = await Promise.all([ask('GET', 'windows'), ask('GET', 'networks')]);
		const open = windows.items.filter((each) => each.open);
		find('windows-rows').replaceChildren(...open.map(row));
		find('windows-table').hidden = !open.length;
		find('windows-empty').hidden = open.length !== 0;
		find('networks').hidden = !networks.items.length;
		find('networks-list').replaceChildren(...networks.items.map((each) => make('li', {},
			make('span', { className: 'ip' }, each.network), ' ', make('span', { className: 'hint' }, each.account))));
	} catch (problem) {
		tell(trouble, problem, load);
	}
}

function showUntil() {
	const hours = find('window-hours');
	find('window-until').replaceChildren(...(hours.checkValidity()
		? say('window.until', { until: moment(Date.now() + hours.valueAsNumber * HOUR) }) : []));
}

function openOpen() {
	find('window').querySelector('form').reset();
	find('window-trouble').replaceChildren();
	find('window-account-field').hidden = account() !== null;
	find('window-account').disabled = account() !== null;
	find('window-account').value = find('filter-account').value.trim();
	find('window-address').value = address();
	showUntil();
	find('window').showModal();
}

async function openWindow() {
	const ip = find('window-address').value.trim();
	const body = { window: ip, account: account() ?? find('window-account').value, for: find('window-hours').value + 'h',
		reason: find('window-reason').value };
	const opened = await ask('POST', 'windows', { body });
	const words = say('window.done', { ip: opened.window ?? ip, until: moment(opened.until) });
	if (opened.ban_lifted)
		words.push(' ', ...say('window.ban_lifted'));
	if (opened.blocked_by)
		words.push(' ', ...say('window.blocked', { prefix: opened.blocked_by }));
	find('window').close();
	done(words);
}

export function start(accountOfToken, onDone) {
	account = accountOfToken;
	done = onDone;
	find('window-open').onclick = openOpen;
	find('window-hours').oninput = showUntil;
	find('window-mine').onclick = () => {
		find('window-address').value = address();
		find('window-address').focus();
	};
	find('window').querySelector('form').onsubmit = (event) => {
		event.preventDefault();
		press(find('window-do'), 'window.doing', find('window-trouble'), openWindow);
	};
}
