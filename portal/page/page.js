/* page: who is signed in, and which part of the page is shown. What a role may not do is not there. */

import * as addresses from './addresses.js';
import * as all from './all.js';
import { ask, keepToken, press, Problem, signedIn, tell, whenSignedOut } from './api.js';
import { find, put } from './make.js';
import * as me from './me.js';
import * as phone from './phone.js';
import * as phones from './phones.js';
import { record } from './record.js';
import * as windows from './windows.js';
import { brand, label, load, say, text } from './words.js';

/* The server decides; this is what it is worth showing. */
const rights = {
	operator: ['accounts', 'unlock', 'held', 'unlock-all', 'lock', 'windows', 'activity', 'explain', 'addresses'],
	support: ['accounts', 'unlock', 'held', 'unlock-all', 'lock', 'windows', 'activity', 'explain', 'addresses'],
	account: ['unlock', 'unlock-all', 'lock', 'windows', 'activity', 'explain'],
	user: ['unlock'],
};

const NO_PERSON = -1; /* a Problem of ours: the token is good, and for programs */

let session = null;
let views = {}; /* name: what loads it */

function may(what) {
	return session !== null && rights[session.role].includes(what);
}

function account() {
	return session?.account ?? null;
}

function told(words) {
	put('told', words);
}

/* After something was done: say it, and show how things are now. */
function changed(words) {
	told(words);
	views[shown()]?.();
}

function shown() {
	const name = location.hash.slice(1);
	return session === null ? '' : name in views && (name === 'phones' || may(name)) ? name : 'phones';
}

/* Who is signed in still sees that the address is banned. */
function arrange() {
	find('me').hidden = session !== null && !me.barred();
}

function show() {
	const name = shown();
	for (const each of Object.keys(views)) find(each).hidden = each !== name;
	arrange();
	find('sign-in').hidden = session !== null;
	find('nav').hidden = session === null || !may('windows');
	find('who').hidden = session === null;
	find('here').hidden = session === null;
	for (const link of find('nav').querySelectorAll('a')) {
		if (link.hash === '#' + name) link.setAttribute('aria-current', 'page');
		else link.removeAttribute('aria-current');
	}
	document.title = name ? text(name + '.title') + ' – ' + brand.name : brand.name;
	views[name]?.();
}

async function enter() {
	const found = await ask('GET', 'session');
	if (!(found.role in rights)) throw new Problem(NO_PERSON, '');
	session = found;
	for (const element of document.querySelectorAll('[data-may]')) element.hidden = !may(element.dataset.may);
	put('role', say('session.' + found.role, { account: found.account ?? '', n: found.macs?.length ?? 0 }));
	show();
}

/* The page is loaded anew: nothing of what was seen stays in it. said is the key of what it says then. */
function leave(said) {
	keepToken(null);
	sessionStorage.setItem('said', said);
	location.replace(location.pathname);
}

function saySaid() {
	const said = sessionStorage.getItem('said');
	sessionStorage.removeItem('said');
	if (said === 'session.over') put('sign-in-trouble', notice(said));
	else if (said) told(say(said));
	if (said) find('token').focus();
}

function signIn(event) {
	event.preventDefault();
	told([]);
	press(
		find('sign-in-form').querySelector('button'),
		'session.signing',
		find('sign-in-trouble'),
		async () => {
			keepToken(find('token').value.trim());
			await enter();
			find('token').value = '';
			find('phones-title').focus();
		},
		(place, problem) => {
			keepToken(null);
			const said = { 401: 'session.wrong', 403: 'session.useless', [NO_PERSON]: 'session.useless' }[
				problem.status
			];
			if (said) place.replaceChildren(notice(said));
			else tell(place, problem);
		},
	);
}

function notice(key) {
	const element = document.createElement('p');
	element.className = 'notice bad';
	element.append(...say(key));
	return element;
}

/* White or black, whichever can be read better on the accent (WCAG 2, relative luminance). */
function paint(colour) {
	const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
	const [r, g, b] = [1, 3, 5].map((at) => linear(parseInt(colour.slice(at, at + 2), 16) / 255));
	const style = document.documentElement.style;
	style.setProperty('--accent', colour);
	style.setProperty('--on-accent', 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000' : '#fff');
}

function dress() {
	label(document);
	find('brand').textContent = brand.name;
	put('support', say('page.support'));
	find('support').hidden = !brand.support;
	if (brand.logo) find('logo').src = brand.logo;
	if (/^#[0-9a-f]{6}$/i.test(brand.colour)) paint(brand.colour);
}

async function begin() {
	await load();
	dress();
	const actions = phone.start(may, changed);
	views = {
		phones: phones.start(actions),
		windows: windows.load,
		activity: record('activity', () => null, actions.open),
		addresses: () => {},
	};
	all.start(account, changed);
	windows.start(account, changed);
	addresses.start(told);
	me.start(told, arrange);
	whenSignedOut(() => leave('session.over'));
	find('sign-in-form').onsubmit = signIn;
	find('sign-out').onclick = () => leave('session.signed_out');
	document.querySelector('.skip').onclick = (event) => {
		event.preventDefault();
		find('main').focus();
	};
	for (const button of document.querySelectorAll('[data-close]'))
		button.onclick = () => button.closest('dialog').close();
	addEventListener('hashchange', () => {
		told([]);
		show();
		find(shown() + '-title')?.focus();
	});
	/* A browser that goes back may show the page as it was before somebody signed out. */
	addEventListener('pageshow', (event) => event.persisted && location.reload());
	me.look();
	if (!signedIn()) {
		show();
		return saySaid();
	}
	try {
		await enter();
	} catch (problem) {
		if (problem.status === 401) return leave('session.over');
		show();
		tell(find('sign-in-trouble'), problem, () => location.reload());
	}
}

begin().catch((fault) => {
	find('broken').hidden = false;
	console.warn(fault);
});
