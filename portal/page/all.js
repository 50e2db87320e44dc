/* all: unlocks the phones of an account, after showing which. */

import { ask, path, press } from './api.js';
import { find, make, put, span } from './make.js';
import { has, say, text } from './words.js';

let account = () => null; /* of the token; null: any */
let done = () => {};
let previewed = null; /* what was asked for, once its preview is shown */

function wanted() {
	const body = find('all-bounded').checked ? { for: find('all-hours').value + 'h' } : {};
	return { account: account() ?? find('all-account').value, body };
}

/* Whatever is changed needs another look. */
function unpreview() {
	previewed = null;
	find('all-preview').hidden = true;
	find('all-hours').disabled = !find('all-bounded').checked;
	put('all-do', say('all.preview'));
	find('all-do').hidden = false;
}

function leftOut(why, n) {
	const key = 'all.skip_' + why;
	return say('all.skipped', { n, why: has(key) ? text(key) : why });
}

async function preview() {
	const now = wanted();
	const { items } = await ask('POST', 'accounts/' + path(now.account, 'unlock'), {
		body: { ...now.body, preview: true },
	});
	const opened = items.filter((device) => !device.skipped);
	const skipped = new Map();
	for (const device of items.filter((each) => each.skipped))
		skipped.set(device.skipped, (skipped.get(device.skipped) ?? 0) + 1);
	put('all-count', opened.length ? say('all.count', { n: opened.length }) : say('all.none'));
	find('all-list').hidden = opened.length === 0;
	put(
		'all-list',
		opened.map(({ mac, home }) => make('li', {}, span('mac', mac), ' ', span('hint', home.join(', ')))),
	);
	put(
		'all-skipped',
		[...skipped].map(([why, n]) => make('p', { className: 'hint' }, leftOut(why, n))),
	);
	find('all-preview').hidden = false;
	previewed = opened.length ? { ...now, n: opened.length } : null;
}

async function unlock() {
	const { body } = previewed;
	const { items } = await ask('POST', 'accounts/' + path(previewed.account, 'unlock'), { body });
	const n = items.filter((device) => !device.skipped).length;
	find('all').close();
	done(say('all.done', { n, account: previewed.account }));
}

async function submit(event) {
	const button = find('all-do');
	event.preventDefault();
	if (previewed) {
		await press(button, 'all.doing', find('all-trouble'), unlock);
		return;
	}
	await press(button, 'all.previewing', find('all-trouble'), preview);
	if (previewed) button.replaceChildren(...say('all.do', { n: previewed.n }));
	else button.hidden = !find('all-preview').hidden;
}

export function start(accountOfToken, onDone) {
	account = accountOfToken;
	done = onDone;
	find('unlock-all-open').onclick = () => {
		find('all').querySelector('form').reset();
		put('all-trouble');
		find('all-account-field').hidden = account() !== null;
		find('all-account').disabled = account() !== null;
		find('all-account').value = find('filter-account').value.trim();
		unpreview();
		find('all').showModal();
	};
	find('all').querySelector('form').oninput = unpreview;
	find('all').querySelector('form').onsubmit = submit;
}
