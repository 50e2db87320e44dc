/* phone: the dialog of one device, and those that unlock and lock it. */

import { ask, path, press, tell } from './api.js';
import { find, make, put, span } from './make.js';
import { badge } from './phones.js';
import { because, record } from './record.js';
import { sure } from './sure.js';
import { ago, moment, say } from './words.js';

const DAY = 86400e3;

let may = () => false;
let changed = () => {}; /* (words): something was done */
let device = null; /* what the dialog shows */
let unlocking = null; /* what the unlock dialog is about; may be opened from the list */
let loadLog = () => {};

function mayUnlock(which) {
	return may('unlock') && !which.custom && (which.state === 'locked' || (which.state === 'held' && may('held')));
}

/* Why it is as it is, as a sentence. */
function says({ state, reason, until }) {
	if (state === 'unlocked')
		return until ? say('says.unlocked', { until: moment(until) }) : say('says.unlocked_endless');
	return say('says.' + reason, { until: until ? moment(until) : '' });
}

/* A term and what it is, or nothing where it is not known. */
function fact(key, ...value) {
	const known = value.flat().some(Boolean);
	return known ? make('div', {}, make('dt', {}, say(key)), make('dd', {}, ...value)) : [];
}

function facts() {
	const { account, home, model, vendor, version, users = [], registered, registered_at: ip, seen, created } = device;
	return [
		fact('phone.account', account === '-' ? '' : account),
		fact('phone.home', home.length ? home.map((at) => span('ip block', at)) : say('phones.no_home')),
		fact('phone.model', [vendor, model, version].filter(Boolean).join(' ')),
		fact('phone.users', users.map(({ user, realm }) => (realm ? user + '@' + realm : user)).join(', ')),
		fact(
			'phone.registered',
			registered
				? say('phone.registered_from', { time: ago(registered), ip: ip ?? '' })
				: say('phones.not_registered'),
		),
		fact('phone.seen', seen ? ago(seen) : say('phone.never')),
		fact('phone.created', created ? ago(created) : ''),
	];
}

function notes() {
	const { exposed, exposed_to: ip, custom } = device;
	const note = (kind, words) => make('p', { className: 'notice ' + kind }, words);
	return [
		exposed ? note('bad', say('phone.exposed', { ip: ip ?? '', time: ago(exposed) })) : [],
		custom ? note('', say('phone.custom')) : [],
	];
}

function elsewhere({ ip, count, last, served }) {
	const words = say('phone.elsewhere_item', { ip: span('ip', ip), n: count, last: ago(last) });
	return make('li', {}, words, served ? [' ', span('badge mark-exposed', say('phone.elsewhere_served'))] : []);
}

function show() {
	put('phone-state', badge(device), span('block says', says(device)));
	put('phone-notes', notes());
	put('phone-facts', facts());
	find('phone-unlock').hidden = !mayUnlock(device);
	find('phone-lock').hidden = !may('lock') || (device.state !== 'unlocked' && device.state !== 'new');
	if (document.activeElement.hidden) find('phone-title').focus();
	find('phone-elsewhere').hidden = !device.moved.length;
	put('phone-moved', device.moved.map(elsewhere));
	find('phone-why').hidden = !device.because;
	put('phone-because', device.because ? because(device.because) : []);
}

function fetchDevice(mac) {
	return ask('GET', 'devices/' + path(mac));
}

/* Explains where the role may: that is the device with what caused its state. */
async function load(mac) {
	const trouble = find('phone-trouble');
	try {
		const [plain, told] = await Promise.all([
			fetchDevice(mac),
			may('explain') ? ask('GET', 'devices/' + path(mac, 'explain')) : {},
		]);
		if (find('phone').dataset.mac !== mac) return;
		device = { ...told, ...plain };
		show();
	} catch (problem) {
		tell(trouble, problem, () => {
			trouble.replaceChildren();
			load(mac);
		});
	}
}

function open(mac) {
	device = null;
	find('phone').dataset.mac = mac;
	put('phone-title', say('phone.title', { mac: span('mac', mac) }));
	put('phone-state', say('phone.loading'));
	for (const id of ['phone-told', 'phone-notes', 'phone-facts', 'phone-trouble', 'phone-log-list']) put(id);
	for (const id of [
		'phone-unlock',
		'phone-lock',
		'phone-why',
		'phone-elsewhere',
		'phone-log-empty',
		'phone-log-more',
	])
		find(id).hidden = true;
	find('phone').showModal();
	load(mac);
	loadLog();
}

/* After a change: what is open shows it. */
function refresh(words) {
	if (find('phone').open) {
		put(
			'phone-told',
			words.map((part) => part.cloneNode?.(true) ?? part),
		);
		load(device.mac);
		loadLog();
	}
	changed(words);
}

/* Where somebody was faster the person sees how it is now, and decides anew. */
function meanwhile(mac, showAgain) {
	return async (place, problem) => {
		tell(place, problem);
		if (problem.status !== 412) return;
		try {
			showAgain(await fetchDevice(mac));
		} catch (other) {
			tell(place, other);
		}
		if (find('phone').open) load(mac);
		changed([]);
	};
}

/* ---- unlock ---- from the dialog or from the list */

function openUnlock(which) {
	find('unlock-reason').value = '';
	put('unlock-trouble');
	showUnlock(which);
	find('unlock').showModal();
}

function showUnlock(which) {
	unlocking = which;
	put('unlock-title', say('unlock.title', { mac: span('mac', which.mac) }));
	put('unlock-now', badge(which));
	put('unlock-until', say('unlock.until', { until: moment(Date.now() + DAY) }));
	const home = span('ip', which.home.join(', '));
	put('unlock-unused', which.home.length ? say('unlock.unused', { home }) : say('unlock.unused_homeless'));
	find('unlock-held').hidden = which.state !== 'held';
}

async function unlock() {
	const { mac, state, device_version: version } = unlocking;
	const body = { for: '24h', reason: find('unlock-reason').value };
	if (state === 'held') body.support = true;
	const done = await ask('POST', 'devices/' + path(mac, 'unlock'), { body, version });
	const words = say('unlock.done', { mac, until: moment(done.until ?? Date.now() + DAY) });
	if (done.home_banned) words.push(' ', ...say('unlock.home_banned', { ip: done.home_banned }));
	find('unlock').close();
	refresh(words);
}

function openLock() {
	const { mac, home } = device;
	sure({
		title: say('lock.title', { mac: span('mac', mac) }),
		lead: home.length ? say('lock.text', { home: home.join(', ') }) : say('lock.text_homeless'),
		label: say('lock.open'),
		saying: 'lock.doing',
		work: async () => {
			await ask('POST', 'devices/' + path(mac, 'lock'), { body: {}, version: device.device_version });
			refresh(say('lock.done', { mac }));
		},
		failed: meanwhile(mac, (now) => {
			device = { ...device, ...now };
		}),
	});
}

/* mayDo(what) of the token; onChange(words) after anything was done. */
export function start(mayDo, onChange) {
	may = mayDo;
	changed = onChange;
	loadLog = record('phone-log', () => find('phone').dataset.mac);
	find('phone').onclose = () => {
		/* What had opened it may have been made anew meanwhile. */
		if (document.activeElement === document.body) find('phone-' + find('phone').dataset.mac)?.focus();
	};
	find('phone-unlock').onclick = () => openUnlock(device);
	find('phone-lock').onclick = openLock;
	find('unlock').querySelector('form').onsubmit = (event) => {
		event.preventDefault();
		press(find('unlock-do'), 'unlock.doing', find('unlock-trouble'), unlock, meanwhile(unlocking.mac, showUnlock));
	};
	return { open, unlock: openUnlock, mayUnlock, accounts: () => may('accounts') };
}
