/* words: what the page says. All texts are those of texts.json, with those of the provider's brand.json before them, in the first of
 * the viewer's languages that either holds, else in the first of texts.json; what a translation lacks comes from there, too.
 * Placeholders are {name}; a text with forms ("one", "other") is chosen by the value n. */

import { make } from './make.js';

let layers = [];
let language = 'en';
export let brand = {};

async function read(name) {
	const answer = await fetch(name);
	if (!answer.ok) throw new Error(name + ': ' + answer.status);
	return answer.json();
}

export async function load() {
	const [shipped, own] = await Promise.all([read('texts.json'), read('brand.json')]);
	const texts = own.texts ?? {};
	const [first] = Object.keys(shipped);
	const there = (tag) => tag in texts || tag in shipped;
	const wanted = own.language ? [own.language] : navigator.languages;
	language = wanted.flatMap((tag) => [tag, tag.split('-')[0]]).find(there) ?? first;
	layers = [texts[language], shipped[language], texts[first], shipped[first]].filter(Boolean);
	brand = { ...own, name: own.name || text('page.name') };
	document.documentElement.lang = language;
}

export function has(key) {
	return layers.some((layer) => key in layer);
}

function form(key, values) {
	const found = layers.find((layer) => key in layer)?.[key] ?? key;
	return typeof found === 'string' ? found : (found[new Intl.PluralRules(language).select(values.n)] ?? found.other);
}

/* The text's parts for Element.append: strings, and the values as they are, which may be elements. */
export function say(key, values = {}) {
	const all = { support: support(), ...values };
	return form(key, all)
		.split(/\{([a-z_]+)\}/)
		.map((part, i) => (i % 2 ? (all[part] ?? '') : part))
		.map(shown);
}

export function text(key, values = {}) {
	return say(key, values)
		.map((part) => part.textContent ?? part)
		.join('');
}

function shown(value) {
	return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : value;
}

/* Who to call: as texts.json names it, a link where it gives one. */
function support() {
	if (!brand.support) return form('page.support_unnamed', {});
	return brand.support_link ? make('a', { href: brand.support_link }, brand.support) : brand.support;
}

/* Fills everything below root that has data-text or data-text-ATTRIBUTE. */
export function label(root) {
	for (const element of root.querySelectorAll('*')) {
		for (const [name, key] of Object.entries(element.dataset)) {
			if (name === 'text') element.replaceChildren(...say(key));
			else if (name.startsWith('text'))
				element.setAttribute(
					name
						.slice(4)
						.replace(/[A-Z]/g, (c) => '-' + c.toLowerCase())
						.slice(1),
					text(key),
				);
		}
	}
}

/* ---- times ---- dates as the viewer's locale writes them, words for distances in the language of the page */

const steps = [
	['day', 86400],
	['hour', 3600],
	['minute', 60],
	['second', 1],
];

/* "1 hour, 42 minutes", of seconds, in at most two units; from a minute on rounded up to whole ones. */
export function duration(seconds) {
	let left = seconds > 60 ? Math.ceil(seconds / 60) * 60 : Math.max(1, Math.ceil(seconds));
	const first = steps.findIndex(([, length]) => left >= length);
	const parts = [];
	for (const [unit, length] of steps.slice(first, first + 2)) {
		const n = Math.floor(left / length);
		left -= n * length;
		if (n > 0) parts.push(new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(n));
	}
	return new Intl.ListFormat(language, { type: 'unit' }).format(parts);
}

function distance(seconds) {
	const size = Math.abs(seconds);
	const [unit, length] = steps.find(([, one]) => size >= one) ?? ['second', 1];
	return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(Math.round(seconds / length), unit);
}

function date(value, options) {
	return new Intl.DateTimeFormat(undefined, options).format(value);
}

/* A time as people say it, the whole of it in its title: the hour and, where it is not today, the day. */
export function moment(value) {
	const then = new Date(value);
	const today = then.toDateString() === new Date().toDateString();
	const near = Math.abs(then - Date.now()) < 6 * 86400e3;
	const day = today ? {} : near ? { weekday: 'short' } : { year: 'numeric', month: 'short', day: 'numeric' };
	return time(then, date(then, { ...day, hour: 'numeric', minute: '2-digit' }));
}

/* How long ago, or until then; kept true while it is shown. */
export function ago(value) {
	const then = new Date(value);
	return time(then, distance((then - Date.now()) / 1000), { 'data-ago': '' });
}

function time(then, words, more = {}) {
	const whole = date(then, { dateStyle: 'full', timeStyle: 'long' });
	return make('time', { dateTime: then.toISOString(), title: whole, ...more }, words);
}

setInterval(() => {
	for (const element of document.querySelectorAll('time[data-ago]'))
		element.textContent = distance((new Date(element.dateTime) - Date.now()) / 1000);
}, 20000);
