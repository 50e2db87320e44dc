/* phone: the dialog of one device, and those that unlock and lock it. */

import { ask, path, press, tell } from './api.js';
import { badge } from './phones.js';
import { because, record } from './record.js';
import { sure } from './sure.js';
import { ago, find, make, moment, say, text } from './words.js';

const DAY = 86400e3;

let may = () => false;
let changed = () => {}; /* (words): something was done */
let device = null;      /* what the dialog shows */
let unlocking = null;   /* what the unlock dialog is about; may be opened from the list */
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

function facts() {
	const list = find('phone-facts');
	const put = (key, ...value) => list.append(make('div', {}, make('dt', {}, say(key)), make('dd', {}, ...value)));
	list.replaceChildren();
	if (device.account !== '-')
		put('phone.account', device.account);
	put('phone.home', ...(device.home.length ? device.home.map((at) => make('span', { className: 'ip block' }, at))
		: say('phones.no_home')));
	const model = [device.vendor, device.model, device.version].filter(Boolean).join(' ');
	if (model)
		put('phone.model', model);
	if (device.users?.length)
		put('phone.users', device.users.map(({ user, realm }) => (realm ? user + '@' + realm : user)).join(', '));
	put('phone.registered', ...(device.registered
		? say('phone.registered_from', { time: ago(device.registered), ip: device.registered_at ?? '' })
		: say('phones.not_registered')));
	put('phone.seen', ...(device.seen ? [ago(device.seen)] : say('phone.never')));
	if (device.created)
		put('phone.created', ago(device.created));
}

function notes() {
	const list = [];
	const put = (kind, words) => list.push(make('p', { className: 'notice ' + kind }, words));
	if (device.exposed)
		put('bad', say('phone.exposed', { ip: device.exposed_to ?? '', time: ago(device.exposed) }));
	if (device.custom)
		put('', say('phone.custom'));
	find('phone-notes').replaceChildren(...list);
}

function show() {
	find('phone-state').replaceChildren(...badge(device), make('span', { className: 'block says' }, ...says(device)));
	notes();
	facts();
	find('phone-unlock').hidden = !mayUnlock(device);
	find('phone-lock').hidden = !may('lock') || (device.state !== 'unlocked' && device.state !== 'new');
	if (document.activeElement.hidden)
		find('phone-title').focus();
	find('phone-elsewhere').hidden = !device.moved.length;
	find('phone-moved').replaceChildren(...device.moved.map(({ ip, count, last, served }) => make('li', {},
		say('phone.elsewhere_item', { ip: make('span', { className: 'ip' }, ip), n: count, last: ago(last) }),
		served ? [' ', make('span', { className: 'badge mark-exposed' }, say('phone.elsewhere_served'))] : [])));
	find('phone-why').hidden = !device.because;
	find('phone-because').replaceChildren(...(device.because ? [because(device.because)] : []));
}

function fetchDevice(mac) {
	return ask('GET', 'devices/' + path(mac));
}

/* Explains where the role may: that is the device with what caused its state. */
async function load(mac) {
	const trouble = find('phone-trouble');
	try {
		const [plain, told] = await Promise.all([fetchDevice(mac), may('explain') ? ask('GET', 'devices/' + path(mac, 'explain')) : {}]);
		if (find('phone').dataset.mac !== mac)
			return;
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
	find('phone-title').replaceChildren(...say('phone.title', { mac: make('span', { className: 'mac' }, mac) }));
	find('phone-state').replaceChildren(...say('phone.loading'));
	for (const id of ['phone-told', 'phone-notes', 'phone-facts', 'phone-trouble', 'phone-log-list'])
		find(id).replaceChildren();
	for (const id of ['phone-unlock', 'phone-lock', 'phone-why', 'phone-elsewhere', 'phone-log-empty', 'phone-log-more'])
		find(id).hidden = true;
	find('phone').showModal();
	load(mac);
	loadLog();
}

/* After a change: what is open shows it. */
function refresh(words) {
	if (find('phone').open) {
		find('phone-told').replaceChildren(...words.map((part) => part.cloneNode?.(true) ?? part));
		load(device.mac);
		loadLog();
	}
	changed(words);
}

/* Where somebody was faster the person sees how it is now, and decides anew. */
function meanwhile(mac, showAgain) {
	return async (place, problem) => {
		tell(place, problem);
		if (problem.status !== 412)
			return;
		try {
			showAgain(await fetchDevice(mac));
		} catch (other) {
			tell(place, other);
		}
		if (find('phone').open)
			load(mac);
	};
}

/* ---- unlock ---- from the dialog or from the list */

function openUnlock(which) {
	find('unlock-reason').value = '';
	find('unlock-trouble').replaceChildren();
	showUnlock(which);
	find('unlock').showModal();
}

function showUnlock(which) {
	unlocking = which;
	find('unlock-title').replaceChildren(...say('unlock.title', { mac: make('span', { className: 'mac' }, which.mac) }));
	find('unlock-now').replaceChildren(...badge(which));
	find('unlock-until').replaceChildren(...say('unlock.until', { until: moment(Date.now() + DAY) }));
	find('unlock-unused').replaceChildren(...(which.home.length
		? say('unlock.unused', { home: make('span', { className: 'ip' }, which.home.join(', ')) }) : say('unlock.unused_homeless')));
	find('unlock-held').hidden = which.state !== 'held';
}

async function unlock() {
	const { mac, state, device_version: version } = unlocking;
	const body = { for: '24h', reason: find('unlock-reason').value };
	if (state === 'held')
		body.support = true;
	const done = await ask('POST', 'devices/' + path(mac, 'unlock'), { body, version });
	const words = say('unlock.done', { mac, until: moment(done.until ?? Date.now() + DAY) });
	if (done.home_banned)
		words.push(' ', ...say('unlock.home_banned', { ip: done.home_banned }));
	find('unlock').close();
	refresh(words);
}

function openLock() {
	const { mac, home } = device;
	sure({
		title: say('lock.title', { mac: make('span', { className: 'mac' }, mac) }),
		lead: home.length ? say('lock.text', { home: home.join(', ') }) : say('lock.text_homeless'),
		label: say('lock.open'),
		saying: 'lock.doing',
		work: async () => {
			await ask('POST', 'devices/' + path(mac, 'lock'), { body: {}, version: device.device_version });
			refresh(say('lock.done', { mac }));
		},
		failed: meanwhile(mac, (now) => { device = { ...device, ...now }; }),
	});
}

/* mayDo(what) of the token; onChange(words) after anything was done. */
export function start(mayDo, onChange) {
	may = mayDo;
	changed = onChange;
	loadLog = record('phone-log', () => find('phone').dataset.mac);
	find('phone').onclose = () => {
		if (document.activeElement === document.body) /* what had opened it was made anew meanwhile */
			find('phone-' + find('phone').dataset.mac)?.focus();
	};
	find('phone-unlock').onclick = () => openUnlock(device);
	find('phone-lock').onclick = openLock;
	find('unlock').querySelector('form').onsubmit = (event) => {
		event.preventDefault();
		press(find('unlock-do'), 'unlock.doing', find('unlock-trouble'), unlock, meanwhile(unlocking.mac, showUnlock));
	};
	return { open, unlock: openUnlock, mayUnlock, accounts: () => may('accounts') };
}
