/* record: what happened, of a phone or of all that the token may see, the newest first. */

import { pages, path } from './api.js';
import { button, find, make, span } from './make.js';
import { ago, has, moment, say, text } from './words.js';

const PAGE = 20;
const STAMP = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)/; /* times in what the server says */

/* One entry; phone(mac), if given, opens that phone. */
function entry(row, phone) {
	const what = has('what.' + row.what) ? text('what.' + row.what) : row.what;
	const subject = span('subject');
	if (phone && row.mac) subject.append(button(() => phone(row.mac), { className: 'link mac' }, row.mac));
	if (row.ip) subject.append(subject.hasChildNodes() ? ', ' : '', span('ip', row.ip));
	const item = make(
		'li',
		{},
		make('p', { className: 'head' }, make('strong', {}, what), ' ', subject, ' ', ago(row.time)),
	);
	const more = [row.reason && text('record.because', { reason: row.reason }), by(row)].filter(Boolean);
	if (row.detail && row.detail !== row.what)
		item.append(
			make(
				'p',
				{ className: 'hint' },
				row.detail.split(STAMP).map((part, i) => (i % 2 ? moment(part) : part)),
			),
		);
	if (more.length) item.append(make('p', { className: 'hint' }, more.join(' · ')));
	return item;
}

function by(row) {
	if (row.actor) return text('record.by', { who: row.actor });
	return row.uid === null || row.uid === undefined ? '' : text('record.by', { who: text('record.admin') });
}

/* name: what the elements' ids begin with. mac() is the phone or null. Gives load. */
export function record(name, mac, phone) {
	const list = find(name + '-list');
	return pages({
		url: (from) => {
			const query = new URLSearchParams({ limit: PAGE, ...(from === null ? {} : { before: from }) });
			return (mac() ? 'devices/' + path(mac()) + '/record' : 'record') + '?' + query;
		},
		button: find(name + '-more'),
		trouble: find(name + '-trouble'),
		empty: find(name + '-empty'),
		fill: (items, fresh) => {
			if (fresh) list.replaceChildren();
			const first = list.children.length;
			list.append(...items.map((row) => entry(row, phone)));
			if (!fresh && items.length) {
				list.children[first].tabIndex = -1;
				list.children[first].focus();
			}
			return list.children.length;
		},
	});
}

/* The same for one row, without paging: why a phone is as it is. */
export function because(row) {
	const list = make('ol', { className: 'record' }, entry(row));
	if (row.evidence)
		list.append(
			make(
				'li',
				{},
				make('p', { className: 'hint' }, say('phone.evidence')),
				make('pre', { tabIndex: 0 }, row.evidence),
			),
		);
	return list;
}
