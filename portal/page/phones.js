/* phones: the list of devices, searched and narrowed, and its rows. */

import { pages } from './api.js';
import { ago, find, make, moment, say, text } from './words.js';

const PAGE = 50;
const TYPING = 300; /* a search begins when typing rests for so long */

let actions = {}; /* open(mac), unlock(device), mayUnlock(device), accounts(): whether there are several */
let reload = () => {};

export function badge(device) {
	const parts = [make('span', { className: 'badge ' + device.state }, say('state.' + device.state))];
	const mark = (name) => parts.push(' ', make('span', { className: 'badge mark-' + name }, say('mark.' + name)));
	if (device.exposed)
		mark('exposed');
	if (device.moved?.length)
		mark('moved');
	if (device.custom)
		mark('custom');
	if (device.state === 'unlocked' || device.state === 'new') {
		const until = device.until ? say('state.until', { time: moment(device.until) }) : say('state.endless');
		parts.push(make('span', { className: 'hint block' }, until));
	}
	return parts;
}

export function cell(key, ...children) {
	return make('td', { role: 'cell', 'data-label': key ? text(key) : '' }, make('div', {}, ...children));
}

function row(device) {
	const { mac } = device;
	const name = [make('button', { type: 'button', className: 'link mac', id: 'phone-' + mac, onclick: () => actions.open(mac),
		'aria-label': text('phones.details', { mac }) }, mac)];
	const more = [actions.accounts() && device.account !== '-' && device.account, [device.vendor, device.model].filter(Boolean).join(' ')].filter(Boolean);
	if (more.length)
		name.push(make('span', { className: 'hint block' }, more.join(' · ')));
	const sip = device.registered
		? [ago(device.registered), make('span', { className: 'hint block' }, say('phones.seen_at', { ip: device.registered_at ?? '' }))]
		: [make('span', { className: 'none' }, say('phones.not_registered'))];
	const home = device.home.length ? device.home.map((at) => make('span', { className: 'ip block' }, at))
		: [make('span', { className: 'none' }, say('phones.no_home'))];
	const last = actions.mayUnlock(device)
		? make('button', { type: 'button', id: 'unlock-' + mac, onclick: () => actions.unlock(device),
			'aria-label': text('unlock.open_mac', { mac }) }, say('unlock.open'))
		: '';
	return make('tr', { role: 'row' }, make('th', { role: 'rowheader', scope: 'row' }, make('div', {}, ...name)),
		cell('phones.state', ...badge(device)), cell('phones.home', ...home), cell('phones.sip', ...sip), cell('', last));
}

/* A MAC in whatever spelling is searched as its digits. */
function searched(value) {
	const digits = value.replace(/[\s:._-]/g, '');
	return /^[0-9a-f]{4,12}$/i.test(digits) ? digits.toLowerCase() : value.trim();
}

function url(from) {
	const query = new URLSearchParams(find('filter-only').value);
	const put = (name, value) => value && query.set(name, value);
	put('q', searched(find('q').value));
	put('account', find('filter-account').value.trim());
	put('state', find('filter-state').value);
	put('limit', PAGE);
	put('after', from);
	return 'devices?' + query;
}

function narrowed() {
	return ['q', 'filter-account', 'filter-state', 'filter-only'].some((id) => find(id).value !== '');
}

function fill(items, fresh, more) {
	const rows = find('phones-rows');
	const focused = document.activeElement?.id;
	const first = fresh ? 0 : rows.children.length;
	if (fresh)
		rows.replaceChildren();
	rows.append(...items.map(row));
	const n = rows.children.length;
	find('phones-table').hidden = n === 0;
	find('phones-count').replaceChildren(...(n ? say(more ? 'phones.count_more' : 'phones.count', { n }) : []));
	find('phones-empty').replaceChildren(...(narrowed()
		? [text('phones.none_found'), make('button', { type: 'button', className: 'link', onclick: clear }, say('phones.clear'))]
		: say('phones.none')));
	if (!fresh)
		rows.children[first]?.querySelector('button').focus();
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
	reload = pages({ url, button: find('phones-more'), trouble: find('phones-trouble'), empty: find('phones-empty'), fill });
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
