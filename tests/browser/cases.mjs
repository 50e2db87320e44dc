/* cases: what people do with the page, each against servers that browser.bats has set up. Run as: node cases.mjs NAME */

import assert from 'node:assert/strict';
import {
	endEnforcer,
	fetched,
	isNot,
	provctl,
	run,
	says,
	showToken,
	signIn,
	startEnforcer,
	state,
	token,
	until,
	visit,
} from './browser.mjs';

const home = '203.0.113.10',
	elsewhere = '198.51.100.20',
	office = '203.0.113.7';
const phone = '001565abcdef',
	held = '001565abcdf2',
	fresh = '001565abcdf1',
	other = '001565aaaaaa';

const cases = {
	/* The office asked for twelve phones that do not exist; its packets to the provisioning server are dropped. */
	async ban() {
		assert.equal(fetched(office, phone), 0);
		const page = await visit(office);
		await says(page, 'h1', /^Your address 203\.0\.113\.7 is banned for (59 minutes|1 hour) more$/);
		await says(page, '#me', /because phones were asked for that do not exist here/);
		await says(page, '#me', /You can do this 1 more time today/);
		await state(page, 'banned');
		await page.getByRole('button', { name: 'Lift the ban' }).click();
		await says(page, 'h1', /^Your address 203\.0\.113\.7 is not banned$/);
		await says(page, '#told', /The ban is lifted/);
		await isNot(page, '#me-unban');
		await until(() => fetched(office, fresh) === 200, 'the next fetch passes');
		await state(page, 'lifted');
		provctl('ban', office, '--for', '3h');
		await page.reload();
		await says(page, 'h1', /banned for (2 hours, 59 minutes|3 hours) more$/);
		await says(page, '#me', /banned by hand/);
		await says(page, '#me', /as often as you can today/);
		await isNot(page, '#me-unban');
		await state(page, 'banned-no-lifts');
		await signIn(page, token('--role', 'account', '--account', 'acct1'));
		await says(page, 'h1', /^Your address 203\.0\.113\.7 is banned/);
		await state(page, 'banned-signed-in');
		await page.getByRole('button', { name: 'Sign out' }).click();
		await says(page, '#told', /signed out/);
		provctl('unban', office);
		provctl('block', office);
		await page.reload();
		await says(page, 'h1', /is blocked$/);
		await says(page, '#me', /Call your provider's support/);
		await isNot(page, '#me-unban');
		await state(page, 'blocked');
		await page.close();
		const somewhere = await visit(elsewhere, '/phones/'); /* where a web server has it below its own pages */
		await says(somewhere, 'h1', /^Your address 198\.51\.100\.20 is not banned$/);
		await state(somewhere, 'not-banned');
	},

	/* The phone is locked to its home, and is set up elsewhere now. */
	async unlock() {
		assert.equal(fetched(elsewhere, phone), 403);
		const page = await visit(elsewhere);
		await signIn(page, token('--role', 'account', '--account', 'acct1'));
		await says(page, '#phones-count', /^6 phones$/);
		await state(page, 'phones');
		await page.getByRole('button', { name: 'Details of ' + phone }).click();
		await says(page, '#phone-state', /It is locked to the address where it was set up/);
		await says(page, '#phone-facts', /203\.0\.113\.10/);
		await says(page, '#phone-why', /Locked/);
		await says(page, '#phone-moved', /198\.51\.100\.20, once/);
		await says(page, '#phone-log-list', /Asked for from elsewhere/);
		await state(page, 'phone');
		await page.locator('#phone').getByRole('button', { name: 'Unlock' }).click();
		await says(page, '#unlock', /For 24 hours, until \w+ \d+:\d\d, it gets its configuration at any address/);
		await says(page, '#unlock', /locked to its present home again: 203\.0\.113\.10/);
		await state(page, 'unlock');
		await page.getByLabel('Why?').filter({ visible: true }).fill('office moved');
		await page.getByRole('button', { name: 'Unlock for 24 hours' }).click();
		await says(page, '#phone-state', /It is open to any address until/);
		assert.equal(fetched(elsewhere, phone), 200);
		await says(page, '#phone-log-list', /office moved/);
		await page.keyboard.press('Escape');
		await says(page, '#told', new RegExp(phone + ' is unlocked until'));
		provctl('analyze');
		await page.reload();
		await says(page, 'tr:has(#phone-' + phone + ')', /Locked.*198\.51\.100\.20/);
		assert.equal(fetched(home, phone), 403);
	},

	/* Nothing of other accounts is there, and no button for what the role may not. */
	async roles() {
		let page = await visit(elsewhere);
		await signIn(page, token('--role', 'account', '--account', 'acct1'));
		await says(page, '#role', /^Account acct1$/);
		await isNot(page, '#phone-' + other);
		await isNot(page, '#nav a[href="#addresses"]');
		await isNot(page, '#filter-account');
		await isNot(page, '#unlock-' + held);
		await page.getByLabel('Search').fill('00:15:65:AA:AA:AA');
		await says(page, '#phones-empty', /No phone matches/);
		await state(page, 'empty');
		await page.getByRole('button', { name: 'show all phones' }).click();
		await page.getByRole('button', { name: 'Details of ' + held }).click();
		await says(page, '#phone-state', /Only your provider's support can unlock it/);
		await isNot(page, '#phone-unlock');
		await page.keyboard.press('Escape');
		await page.getByRole('link', { name: 'Activity' }).click();
		await says(page, '#activity-list', new RegExp(phone));
		await isNot(page, '#activity-list :text("' + other + '")');
		await state(page, 'activity');
		await page.getByRole('button', { name: 'Sign out' }).click();
		await says(page, '#told', /You are signed out/);
		assert.doesNotMatch(await page.locator('body').textContent(), new RegExp(phone));
		assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);

		await signIn(page, token('--role', 'user', '--mac', phone));
		await says(page, '#role', /^One phone$/);
		await says(page, '#phones-count', /^1 phone$/);
		for (const selector of ['#nav', '#unlock-all-open', '#filter-account']) await isNot(page, selector);
		await page.getByRole('button', { name: 'Details of ' + phone }).click();
		await says(page, '#phone-log-list', /Locked/);
		await isNot(page, '#phone-why');
		await page.close();

		page = await visit(elsewhere);
		await signIn(page, token('--role', 'support'));
		await says(page, '#phones-count', /^50 phones, and there are more$/);
		await state(page, 'phones-long');
		await page.getByRole('button', { name: 'Show more' }).click();
		await says(page, '#phones-count', /^67 phones$/);
		assert.match(await page.evaluate(() => document.activeElement.id), /^phone-/);
		await isNot(page, '#phones-more');
		await page.getByLabel('Account').filter({ visible: true }).fill('acct1');
		await says(page, '#phones-count', /^6 phones$/);
		await page.getByRole('button', { name: 'Unlock ' + held }).click();
		await says(page, '#unlock-held', /Change its SIP password first/);
		await state(page, 'unlock-held');
		await page.getByRole('button', { name: 'Unlock for 24 hours' }).click();
		await says(page, 'tr:has(#phone-' + held + ')', /Unlocked/);
		provctl('ban', office, '--for', '1h');
		await page.getByRole('link', { name: 'Addresses' }).click();
		await page.getByRole('textbox', { name: 'Address' }).fill(office);
		await page.getByRole('button', { name: 'Look' }).click();
		await says(page, '#address-found', /203\.0\.113\.7 is banned.*by hand/);
		await state(page, 'address');
		await page.getByRole('button', { name: 'Lift the ban' }).click();
		await says(page, '#address-found', /203\.0\.113\.7 is not banned/);
		assert.doesNotMatch(provctl('bans', '--json'), new RegExp(office));
	},

	/* Without a mouse: each step is Tab, Enter, Escape or typing, and one sees where one is. */
	async keyboard() {
		const page = await visit(elsewhere);
		await says(page, 'h1', /not banned/);
		const focus = () =>
			page.evaluate(() => {
				const at = document.activeElement;
				return at === document.body ? '' : at.id || at.textContent.trim() || at.className;
			});
		const visible = () =>
			page.evaluate(() => {
				const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
				return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
			});
		const tabTo = async (wanted) => {
			const seen = [];
			for (let i = 0; i < 40; i++) {
				await page.keyboard.press('Tab');
				seen.push(await focus());
				if (seen.at(-1) === wanted) {
					assert.ok(await visible(), 'nobody sees that the focus is on ' + wanted);
					return;
				}
			}
			assert.fail('no way to ' + wanted + ': ' + seen.join(', '));
		};
		await tabTo('Skip to the content');
		await page.keyboard.press('Enter');
		assert.equal(await focus(), 'main');
		await tabTo('token');
		await page.keyboard.type(token('--role', 'account', '--account', 'acct1'));
		await page.keyboard.press('Enter');
		await says(page, '#phones-count', /phones/);
		assert.equal(await focus(), 'phones-title');
		await tabTo('phone-' + phone);
		await page.keyboard.press('Enter');
		await says(page, '#phone-log-list', /Locked/);
		assert.equal(await focus(), 'phone-title');
		await tabTo('phone-unlock');
		await page.keyboard.press('Enter');
		assert.equal(await focus(), 'unlock-title');
		await page.keyboard.press('Escape');
		assert.equal(await focus(), 'phone-unlock');
		await page.keyboard.press('Escape');
		assert.equal(await focus(), 'phone-' + phone);
		await tabTo('unlock-' + phone);
		await page.keyboard.press('Enter');
		await tabTo('unlock-do');
		await page.keyboard.press('Enter');
		await says(page, '#told', /is unlocked/);
		await says(page, 'tr:has(#phone-' + phone + ')', /Unlocked/);
		assert.equal(await focus(), 'phone-' + phone);
		assert.equal(fetched(elsewhere, phone), 200);
	},

	/* All phones of an account; then a window for the address that one is at. */
	async account() {
		const page = await visit(elsewhere);
		await signIn(page, token('--role', 'account', '--account', 'acct1'));
		await page.getByRole('button', { name: 'Unlock all' }).click();
		await page.getByRole('button', { name: 'Show which' }).click();
		await says(page, '#all-count', /^4 phones would be unlocked$/);
		await says(page, '#all-skipped', /1 phone is left as it is: held/);
		await state(page, 'unlock-all');
		assert.equal(fetched(elsewhere, phone), 403);
		await page.getByLabel('Hours', { exact: true }).fill('8');
		await isNot(page, '#all-preview');
		await page.getByRole('button', { name: 'Show which' }).click();
		await page.getByRole('button', { name: 'Unlock 4 phones' }).click();
		await says(page, '#told', /^4 phones of acct1 are unlocked\.$/);
		assert.equal(fetched(elsewhere, phone), 200);
		provctl('analyze');
		assert.equal(fetched(home, phone), 403);

		await page.close();
		const later = await visit(home);
		await signIn(later, token('--role', 'account', '--account', 'acct1'));
		await later.getByRole('link', { name: 'Windows' }).click();
		await says(later, '#windows-empty', /No window is open/);
		await state(later, 'windows-none');
		await later.getByRole('button', { name: 'Open a window' }).click();
		assert.equal(await later.getByRole('textbox', { name: 'Address' }).inputValue(), home);
		await later.getByLabel('For how many hours?').fill('41');
		await later.locator('#window-do').click();
		assert.equal(
			await later.getByLabel('For how many hours?').evaluate((input) => input.validity.rangeOverflow),
			true,
		);
		await later.getByLabel('For how many hours?').fill('2');
		await state(later, 'window');
		await later.locator('#window-do').click();
		await says(later, '#told', /The window for 203\.0\.113\.10 is open until/);
		await says(later, '#windows-rows', /203\.0\.113\.10/);
		await state(later, 'windows');
		assert.equal(fetched(home, phone), 200);
		await later.getByRole('button', { name: 'Close the window for 203.0.113.10' }).click();
		await later.locator('#sure-do').click();
		await says(later, '#windows-empty', /No window is open/);
		assert.equal(provctl('window', 'list', '--json'), '');
	},

	/* What goes wrong is told in words that say what to do. */
	async trouble() {
		const page = await visit(elsewhere);
		await page.getByLabel('Your token').fill('pvt_aaaaaaaa_' + 'a'.repeat(52));
		await page.getByRole('button', { name: 'Sign in' }).click();
		await says(page, '#sign-in-trouble', /This token is not valid/);
		assert.equal(await page.evaluate(() => sessionStorage.length), 0);
		await state(page, 'wrong-token');

		await page.getByLabel('Your token').fill(token('--role', 'metrics'));
		await page.getByRole('button', { name: 'Sign in' }).click();
		await says(page, '#sign-in-trouble', /This token is for programs/);
		await page.route('**/brand.json', (route) => route.abort());
		await page.reload();
		await says(page, '#broken', /was not loaded whole/);
		await page.unroute('**/brand.json');
		await page.reload();

		const mine = token('--role', 'account', '--account', 'acct1');
		await signIn(page, mine);
		await page.getByRole('button', { name: 'Details of ' + phone }).click();
		await page.locator('#phone').getByRole('button', { name: 'Unlock' }).click();
		provctl('unlock', phone, '--for', '1h');
		await page.getByRole('button', { name: 'Unlock for 24 hours' }).click();
		await says(page, '#unlock-trouble', /Somebody else changed it meanwhile/);
		await says(page, '#unlock-now', /Unlocked/);
		await says(page, '#phone-state', /It is open to any address until/);
		await state(page, 'changed-meanwhile');
		await page.keyboard.press('Escape');
		await page.locator('#phone-lock').click();
		await says(page, '#sure', /served only at its home then: 203\.0\.113\.10/);
		await state(page, 'lock');
		await page.locator('#sure-do').click();
		await says(page, '#phone-told', /001565abcdef is locked/);
		await says(page, '#phone-state', /It was locked by hand/);
		await page.keyboard.press('Escape');

		provctl('token', 'revoke', mine.split('_')[1]);
		await page.getByRole('link', { name: 'Windows' }).click();
		await says(page, '#sign-in-trouble', /Your token is not valid any more/);
		await says(page, 'h1', /not banned/);
		assert.doesNotMatch(await page.locator('body').textContent(), new RegExp(phone));
		await state(page, 'signed-out');
		await page.close();

		for (let tries = 0; tries < 10; tries++)
			showToken(office, 'pvt_aaaaaaaa_' + String((tries % 6) + 2).repeat(52));
		const guesser = await visit(office);
		await says(guesser, 'h1', /is banned for/);
		await says(guesser, '#me', /because wrong tokens were shown to this page many times/);
		await guesser.getByLabel('Your token').fill(token('--role', 'support'));
		await guesser.getByRole('button', { name: 'Sign in' }).click();
		await says(guesser, '#sign-in-trouble', /That was too often. Try again in \d+ seconds?/);
		await state(guesser, 'too-often');
	},

	/* The enforcer is ended while somebody is about to unlock, and comes back. */
	async down() {
		const page = await visit(elsewhere);
		await signIn(page, token('--role', 'account', '--account', 'acct1'));
		await page.getByRole('button', { name: 'Unlock ' + phone }).click();
		await says(page, '#unlock', /203\.0\.113\.10/);
		endEnforcer();
		await page.getByRole('button', { name: 'Unlock for 24 hours' }).click();
		await says(page, '#unlock-trouble', /not possible just now. Nothing is lost.*Try again in \d+ seconds?/);
		await state(page, 'down-unlock');
		assert.equal(fetched(home, phone), 200);
		assert.equal(fetched(elsewhere, phone), 403);
		await page.keyboard.press('Escape');
		await page.getByLabel('State').selectOption('locked');
		await says(page, '#phones-trouble', /not possible just now/);
		await state(page, 'down');
		await page.reload();
		await says(page, 'h1', /cannot be looked at just now/);
		await says(page, '#sign-in-trouble', /not possible just now/);
		await state(page, 'down-start');
		startEnforcer();
		/* The portal may still wait before it calls the enforcer anew. */
		const again = page.locator('#sign-in-trouble button');
		for (let tries = 0; tries < 100 && (await again.count()) > 0; tries++)
			await Promise.all([page.waitForResponse(/\/v1\/session/), again.click()]);
		await says(page, '#phones-count', /phones/);
		await page.getByRole('button', { name: 'Unlock ' + phone }).click();
		await page.getByRole('button', { name: 'Unlock for 24 hours' }).click();
		await says(page, '#told', /is unlocked/);
		assert.equal(fetched(elsewhere, phone), 200);
	},

	/* A brand folder with every text in brackets, another colour, and a name: see browser.bats. What is no data is in brackets. */
	async brand() {
		const page = await visit(elsewhere);
		await says(page, '#brand', /^Umbrella & <b>Sons<\/b>$/);
		await signInTranslated(page);
		await says(page, '#phones-count', /^\[/);
		await page.locator('#phone-' + phone).click();
		await says(page, '#phone-log-list', /\[Locked\]/);
		await says(page, '#phone-log-list', /<img src=x onerror=alert\(1\)>/);
		const bare = await page.evaluate(() => {
			const found = [];
			for (const element of document.querySelectorAll('[data-text]'))
				if (!/^\[.*\]$/.test(element.textContent)) found.push(element.outerHTML);
			for (const element of document.querySelectorAll('[aria-label], [placeholder]')) {
				const words = element.getAttribute('aria-label') ?? element.getAttribute('placeholder');
				if (!/^\[.*\]$/.test(words) && element.id !== 'address') found.push(element.outerHTML);
			}
			for (const element of document.querySelectorAll('button, thead th, dt, h1, h2, h3, label, option'))
				if (
					/[a-z]{3}/.test(element.textContent) &&
					!/\[.*\]/.test(element.textContent) &&
					!element.matches('.mac')
				)
					found.push(element.outerHTML);
			return found;
		});
		assert.deepEqual(bare, []);
		assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
		assert.equal(
			await page.evaluate(() => getComputedStyle(document.querySelector('button.main')).color),
			'rgb(0, 0, 0)',
		);
		await state(page, 'brand');
	},
};

async function signInTranslated(page) {
	await page.locator('#token').fill(token('--role', 'account', '--account', 'acct1'));
	await page.locator('#sign-in-form button').click();
}

const name = process.argv[2];
await run(name, cases[name]);
