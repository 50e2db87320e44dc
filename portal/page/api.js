/* api: requests to prov-portal. The token lives in this tab's session storage and is sent as a header: there are no cookies, so
 * nothing that another site makes a browser send is signed in. */

import { button, make } from './make.js';
import { say } from './words.js';

let token = sessionStorage.getItem('token');

export function signedIn() {
	return token !== null;
}

/* null forgets it. */
export function keepToken(value) {
	token = value;
	if (value === null) sessionStorage.removeItem('token');
	else sessionStorage.setItem('token', value);
}

/* What went wrong. status 0: no answer came. */
export class Problem extends Error {
	constructor(status, detail, wait) {
		super(detail);
		this.status = status;
		this.wait = wait;
	}
}

/* Sends body, an object, if there is one, and gives what came back. version, a device_version: the change is refused (412) where the
 * device has another by now. */
export async function ask(method, path, { body, version, open } = {}) {
	const headers = {};
	if (token !== null && !open) headers.Authorization = 'Bearer ' + token;
	if (body) headers['Content-Type'] = 'application/json';
	if (version) headers['If-Match'] = '"' + version + '"';
	let answer, found;
	try {
		answer = await fetch('v1/' + path, {
			method,
			headers,
			cache: 'no-store',
			credentials: 'omit',
			body: body && JSON.stringify(body),
			signal: AbortSignal.timeout(30000),
		});
		found = await answer.text();
	} catch {
		throw new Problem(0, '', 0);
	}
	try {
		found = found && JSON.parse(found);
	} catch {
		found = {};
	}
	if (!answer.ok)
		throw new Problem(
			answer.status,
			found.detail ?? found.title ?? '',
			Number(answer.headers.get('Retry-After')) || 5,
		);
	return found;
}

export function path(...parts) {
	return parts.map(encodeURIComponent).join('/');
}

/* ---- troubles ---- told where they arose, in an element with role alert, with what to do next */

let onSignedOut = () => {};
export function whenSignedOut(call) {
	onSignedOut = call;
}

const kinds = {
	0: 'offline',
	400: 'input',
	403: 'refused',
	404: 'missing',
	409: 'refused',
	412: 'meanwhile',
	413: 'input',
	429: 'often',
	503: 'unavailable',
	504: 'unknown',
};

/* again, if given, is what the button under it does. */
export function tell(place, problem, again) {
	if (!(problem instanceof Problem)) throw problem;
	if (problem.status === 401 && signedIn()) {
		onSignedOut();
		return;
	}
	const kind = kinds[problem.status] ?? 'other';
	const detail = problem.message.replace(/\.$/, '') || String(problem.status);
	const notice = make(
		'div',
		{ className: 'notice bad' },
		make('p', {}, say('trouble.' + kind, { detail, n: problem.wait })),
	);
	if (again) notice.append(button(again, {}, say('page.again')));
	place.replaceChildren(notice);
	notice.scrollIntoView({ block: 'nearest' });
}

/* Runs work with the button saying so; what goes wrong is told in place. */
export async function press(button, saying, place, work, failed = tell) {
	if (button.hasAttribute('aria-disabled')) return;
	const before = [...button.childNodes];
	place.replaceChildren();
	button.setAttribute('aria-disabled', 'true');
	button.replaceChildren(...say(saying));
	try {
		await work();
	} catch (problem) {
		failed(place, problem);
	} finally {
		button.removeAttribute('aria-disabled');
		button.replaceChildren(...before);
	}
}

const CALLS = 20; /* a server that looks through many phones answers with empty pages at times */

/* A list that comes in pages. url(from) is what to ask, fill(items, fresh, more) shows a page, the first anew, and
 * tells how many there are now; empty is shown where there are none. Gives load, to begin anew; of several that overlap only
 * the last is shown. */
export function pages({ url, button, trouble, empty, fill }) {
	let run = 0,
		next = null;

	async function load(fresh) {
		const mine = ++run;
		const items = [];
		let from = fresh ? null : next;
		trouble.replaceChildren();
		empty.hidden = true;
		try {
			for (let calls = 0; calls === 0 || (calls < CALLS && from !== null && items.length === 0); calls++) {
				const answer = await ask('GET', url(from));
				items.push(...answer.items);
				from = answer.next;
			}
		} catch (problem) {
			if (mine !== run) return;
			if (fresh) /* what is there was found by other words */ fill([], true, false);
			tell(trouble, problem, () => load(fresh));
			return;
		}
		if (mine !== run) return;
		next = from;
		button.hidden = next === null;
		empty.hidden = fill(items, fresh, next !== null) > 0;
	}
	button.onclick = () => load(false);
	return () => load(true);
}
