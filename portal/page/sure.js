/* sure: asks before a change, in one sentence. Where the change fails, the dialog stays and says why. */

import { press, tell } from './api.js';
import { find } from './words.js';

export function sure({ title, lead, label, saying, work, failed = tell }) {
	find('sure-title').replaceChildren(...title);
	find('sure-text').replaceChildren(...lead);
	find('sure-do').replaceChildren(...label);
	find('sure-trouble').replaceChildren();
	find('sure').querySelector('form').onsubmit = (event) => {
		event.preventDefault();
		press(find('sure-do'), saying, find('sure-trouble'), async () => {
			await work();
			find('sure').close();
		}, failed);
	};
	find('sure').showModal();
}
