/* make: elements of the page. What comes from the server only ever becomes a text node or a property. */

/* An element with properties, attributes where the name has a dash or is role, and children. */
export function make(name, properties = {}, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(properties)) {
		if (key.includes('-') || key === 'role') element.setAttribute(key, value);
		else element[key] = value;
	}
	element.append(...children.flat(Infinity));
	return element;
}

export function span(className, ...children) {
	return make('span', { className }, ...children);
}

export function button(onclick, properties, ...children) {
	return make('button', { type: 'button', onclick, ...properties }, ...children);
}

export function find(id) {
	return document.getElementById(id);
}

/* What the element of that id holds from now on. */
export function put(id, ...children) {
	find(id).replaceChildren(...children.flat(Infinity));
}

/* A row of a table, and a cell of it, which bears its column's label for narrow screens. The roles stay when a row is laid out as a card. */
export function tableRow(head, ...cells) {
	return make('tr', { role: 'row' }, make('th', { role: 'rowheader', scope: 'row' }, make('div', {}, head)), cells);
}

export function cell(label, ...children) {
	return make('td', { role: 'cell', 'data-label': label }, make('div', {}, ...children));
}
