/* sure: asks before a change, in one sentence. Where the change fails, the dialog stays and says why. */

import { press, tell } from './api.js';
import { find, put } from './make.js';

export function sure({ title, lead, label, saying, work, failed = tell }) {
	put('sure-title', title);
	put('sure-text', lead);
	put('sure-do', label);
	put('sure-trouble');
	find('sure').querySelector('form').onsubmit = (event) => {
		event.preventDefault();
		press(
			find('sure-do'),
			saying,
			find('sure-trouble'),
			async () => {
				await work();
				find('sure').close();
			},
			failed,
		);
	};
	find('sure').showModal();
}
