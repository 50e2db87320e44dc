/* browser: Chromium, the page in it, and what is asked of every state that a case comes to: axe finds nothing in light or dark, nothing
 * is wider than the screen, and pictures are kept. A fault of the page, a breach of its content security policy or a request to
 * anywhere else fails the case, wherever it happens.
 *
 * From the environment: CHROMIUM (the program), MODULES (where axe and Playwright are), PORTAL and SITE (addresses of the portal and of the provisioning server),
 * SHOTS (folder for the pictures), PROVCTL (the command), ENFORCER (a command that takes start or end), WIRE (the interface to the
 * servers). */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { CHROMIUM, MODULES, PORTAL, SITE, SHOTS, PROVCTL, ENFORCER, WIRE } = process.env;
const { chromium } = createRequire(MODULES + '/')('playwright-core');
const axe = readFileSync(MODULES + '/node_modules/axe-core/axe.min.js', 'utf8');
const wide = { width: 1180, height: 820 };
const middle = { width: 768, height: 820 };
const narrow = { width: 320, height: 720 };

let browser = null;
const faults = [];
let newest = null;

export async function start() {
	mkdirSync(SHOTS, { recursive: true });
	browser = await chromium.launch({ executablePath: CHROMIUM, args: process.getuid() === 0 ? ['--no-sandbox'] : [] });
}

/* A person at that address, on a fresh browser profile, looking at the page. */
export async function visit(address, path = '/') {
	execFileSync('ip', ['route', 'replace', new URL(PORTAL).hostname, 'dev', WIRE, 'src', address]);
	const context = await browser.newContext({
		viewport: wide,
		ignoreHTTPSErrors: true,
		locale: 'en-GB',
		timezoneId: 'UTC',
		reducedMotion: 'reduce',
	});
	const page = await context.newPage();
	page.setDefaultTimeout(20000);
	page.on('pageerror', (error) => faults.push(error.stack));
	page.on('console', (message) => {
		if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
			faults.push(message.text());
	});
	page.on('request', (request) => {
		if (new URL(request.url()).origin !== PORTAL) faults.push('asked for ' + request.url());
	});
	newest = page;
	await page.goto(PORTAL + path);
	return page;
}

export async function signIn(page, token) {
	await page.getByLabel('Your token').fill(token);
	await page.getByRole('button', { name: 'Sign in' }).click();
	await says(page, '#phones-title', /Phones/);
}

/* Waits until an element that is shown says so. */
export async function says(page, selector, what) {
	await page.locator(selector).filter({ hasText: what, visible: true }).first().waitFor();
}

export async function isNot(page, selector) {
	assert.equal(await page.locator(selector).filter({ visible: true }).count(), 0, selector + ' is shown');
}

async function inspect(page, name, scheme, options) {
	if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
	const { violations } = await page.evaluate((wanted) => window.axe.run(document, wanted), {
		resultTypes: ['violations'],
		...options,
	});
	assert.deepEqual(
		violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')),
		[],
		name + ', ' + scheme,
	);
}

async function fits(page, name) {
	const [has, takes] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
	assert.ok(takes <= has, name + ' is wider than the screen: ' + takes + ' of ' + has);
}

/* One state of the page, in light and dark, and on a narrow screen. The colours are all that the schemes differ in. */
export async function state(page, name) {
	for (const scheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
		await inspect(page, name, scheme, scheme === 'dark' ? { runOnly: ['color-contrast'] } : {});
		await page.screenshot({ path: SHOTS + '/' + name + '-' + scheme + '.png' });
	}
	await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
	for (const size of [middle, narrow]) {
		await page.setViewportSize(size);
		await fits(page, name);
	}
	await page.screenshot({ path: SHOTS + '/' + name + '-narrow.png' });
	await page.setViewportSize(wide);
}

/* ---- the servers ---- */

export function provctl(...words) {
	return execFileSync(PROVCTL, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function token(...options) {
	return provctl('token', 'add', ...options).match(/pvt_[a-z2-7]+_[a-z2-7]+/)[0];
}

/* A phone's fetch from that address: the status, 0 without an answer. */
export function fetched(address, mac) {
	const { stdout } = spawnSync(
		'curl',
		[
			'-s',
			'-o',
			'/dev/null',
			'-w',
			'%{http_code}',
			'--max-time',
			'1',
			'--interface',
			address,
			'-A',
			'Yealink SIP-T46S 66.86.0.15',
			SITE + '/' + mac + '.cfg',
		],
		{ encoding: 'utf8' },
	);
	return Number(stdout);
}

/* As somebody does who guesses. */
export function showToken(address, guess) {
	spawnSync('curl', [
		'-s',
		'-k',
		'-o',
		'/dev/null',
		'--max-time',
		'5',
		'--interface',
		address,
		'-H',
		'Authorization: Bearer ' + guess,
		PORTAL + '/v1/session',
	]);
}

/* Waits for what another process does: the condition, asked again for ten seconds. */
export async function until(condition, what) {
	for (const end = Date.now() + 10000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20)))
		if (condition()) return;
	assert.fail('never came true: ' + what);
}

/* By the script that browser.bats has written for it. */
export function endEnforcer() {
	execFileSync(ENFORCER, ['end']);
}

export function startEnforcer() {
	execFileSync(ENFORCER, ['start']);
}

/* Runs a case and ends the program: 0, or 1 with what failed, and a last picture. */
export async function run(name, work) {
	let status = 0;
	try {
		await start();
		await work();
		assert.deepEqual(faults, []);
	} catch (error) {
		status = 1;
		console.error(error.stack, faults);
		await newest?.screenshot({ path: SHOTS + '/failed-' + name + '.png' }).catch(() => {});
	}
	await browser?.close();
	process.exit(status);
}
