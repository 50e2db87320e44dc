/* windows: addresses that are open to the phones of an account for some hours, and the networks that always are. */

import { ask, path, press, tell } from './api.js';
import { button, cell, find, make, put, span, tableRow } from './make.js';
import { address } from './me.js';
import { sure } from './sure.js';
import { moment, say, text } from './words.js';

const HOUR = 3600e3;

let account = () => null; /* of the token; null: any */
let done = () => {};

function row(window) {
	const ip = window.window;
	const whose = window.account === '*' ? text('windows.any') : window.account;
	const what = { id: 'close-' + whose + '-' + ip, 'aria-label': text('windows.close_address', { ip }) };
	const close = button(() => openClose(window), what, say('windows.close'));
	return tableRow(
		span('ip', ip),
		cell(text('phones.account'), whose),
		cell(text('windows.until'), moment(window.until)),
		cell('', close),
	);
}

function network({ network: prefix, account: whose }) {
	return make('li', {}, span('ip', prefix), ' ', span('hint', whose));
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
		put('windows-rows', open.map(row));
		find('windows-table').hidden = !open.length;
		find('windows-empty').hidden = open.length !== 0;
		find('networks').hidden = !networks.items.length;
		put('networks-list', networks.items.map(network));
	} catch (problem) {
		tell(trouble, problem, load);
	}
}

function showUntil() {
	const hours = find('window-hours');
	const until = moment(Date.now() + (hours.valueAsNumber || 0) * HOUR);
	put('window-until', hours.checkValidity() ? say('window.until', { until }) : []);
}

function openOpen() {
	find('window').querySelector('form').reset();
	put('window-trouble');
	find('window-account-field').hidden = account() !== null;
	find('window-account').disabled = account() !== null;
	find('window-account').value = find('filter-account').value.trim();
	find('window-address').value = address();
	showUntil();
	find('window').showModal();
}

async function openWindow() {
	const ip = find('window-address').value.trim();
	const body = {
		window: ip,
		account: account() ?? find('window-account').value,
		for: find('window-hours').value + 'h',
		reason: find('window-reason').value,
	};
	const opened = await ask('POST', 'windows', { body });
	const words = say('window.done', { ip: opened.window ?? ip, until: moment(opened.until) });
	if (opened.ban_lifted) words.push(' ', ...say('window.ban_lifted'));
	if (opened.blocked_by) words.push(' ', ...say('window.blocked', { prefix: opened.blocked_by }));
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
