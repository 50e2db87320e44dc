/* phones: the list of devices, searched and narrowed, and its rows. */

import { pages } from './api.js';
import { button, cell, find, put, span, tableRow } from './make.js';
import { ago, moment, say, text } from './words.js';

const PAGE = 50;
const TYPING = 300; /* a search begins when typing rests for so long */

let actions = {}; /* open(mac), unlock(device), mayUnlock(device), accounts(): whether there are several */
let reload = () => {};

export function badge(device) {
	const parts = [span('badge ' + device.state, say('state.' + device.state))];
	const mark = (name) => parts.push(' ', span('badge mark-' + name, say('mark.' + name)));
	if (device.exposed) mark('exposed');
	if (device.moved?.length) mark('moved');
	if (device.custom) mark('custom');
	if (device.state === 'unlocked' || device.state === 'new') {
		const until = device.until ? say('state.until', { time: moment(device.until) }) : say('state.endless');
		parts.push(span('hint block', until));
	}
	return parts;
}

function named(device) {
	const { mac, account, vendor, model } = device;
	const open = { className: 'link mac', id: 'phone-' + mac, 'aria-label': text('phones.details', { mac }) };
	const more = [actions.accounts() && account !== '-' && account, [vendor, model].filter(Boolean).join(' ')];
	return [button(() => actions.open(mac), open, mac), span('hint block', more.filter(Boolean).join(' · '))];
}

function sip({ registered, registered_at: ip }) {
	if (!registered) return [span('none', say('phones.not_registered'))];
	return [ago(registered), span('hint block', say('phones.seen_at', { ip: ip ?? '' }))];
}

function home({ home: places }) {
	return places.length ? places.map((at) => span('ip block', at)) : [span('none', say('phones.no_home'))];
}

function unlock(device) {
	const { mac } = device;
	const what = { id: 'unlock-' + mac, 'aria-label': text('unlock.open_mac', { mac }) };
	return actions.mayUnlock(device) ? button(() => actions.unlock(device), what, say('unlock.open')) : '';
}

function row(device) {
	return tableRow(
		named(device),
		cell(text('phones.state'), badge(device)),
		cell(text('phones.home'), home(device)),
		cell(text('phones.sip'), sip(device)),
		cell('', unlock(device)),
	);
}

/* A MAC in whatever spelling is searched as its digits. */
function searched(value) {
	const digits = value.replace(/[\s:._-]/g, '');
	return /^[0-9a-f]{4,12}$/i.test(digits) ? digits.toLowerCase() : value.trim();
}

function url(from) {
	const query = new URLSearchParams(find('filter-only').value);
	const narrow = (name, value) => value && query.set(name, value);
	narrow('q', searched(find('q').value));
	narrow('account', find('filter-account').value.trim());
	narrow('state', find('filter-state').value);
	narrow('limit', PAGE);
	narrow('after', from);
	return 'devices?' + query;
}

function narrowed() {
	return ['q', 'filter-account', 'filter-state', 'filter-only'].some((id) => find(id).value !== '');
}

function fill(items, fresh, more) {
	const rows = find('phones-rows');
	const focused = document.activeElement?.id;
	const first = fresh ? 0 : rows.children.length;
	if (fresh) rows.replaceChildren();
	rows.append(...items.map(row));
	const n = rows.children.length;
	find('phones-table').hidden = n === 0;
	put('phones-count', n ? say(more ? 'phones.count_more' : 'phones.count', { n }) : []);
	put(
		'phones-empty',
		narrowed()
			? [text('phones.none_found'), button(clear, { className: 'link' }, say('phones.clear'))]
			: say('phones.none'),
	);
	if (!fresh) rows.children[first]?.querySelector('button').focus();
	else if (focused && find(focused) !== document.activeElement)
		(find(focused) ?? find(focused.replace('unlock-', 'phone-')))?.focus();
	return n;
}

function clear() {
	find('filters').reset();
	find('q').focus();
	reload();
}

/* Gives load. */
export function start(what) {
	let timer = 0;
	actions = what;
	reload = pages({
		url,
		button: find('phones-more'),
		trouble: find('phones-trouble'),
		empty: find('phones-empty'),
		fill,
	});
	find('filters').onsubmit = (event) => {
		event.preventDefault();
		reload();
	};
	find('filters').oninput = (event) => {
		clearTimeout(timer);
		timer = setTimeout(reload, event.target.matches('select') ? 0 : TYPING);
	};
	return reload;
}
