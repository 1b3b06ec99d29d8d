// The headers of the list's columns, which sort it. A narrow list has a menu instead.

import { icon, make } from './dom.js';
import { newest } from './store.js';

// A column: the name of its order, its header, and the order of the first click.
const columns = [
  ['name', 'Name', 'name'],
  ['status', 'Status', 'status'],
  [null, 'Text'],
  ['pages', 'Pages', '-pages'],
  ['added', 'Added', newest],
];
const choices = [
  [newest, 'Newest first'],
  ['added', 'Oldest first'],
  ['name', 'Name, A to Z'],
  ['-name', 'Name, Z to A'],
  ['status', 'Failed first'],
  ['-status', 'Done first'],
  ['-pages', 'Most pages first'],
  ['pages', 'Fewest pages first'],
];

/** Heads calls sort(by) with one of the store's orders. */
export class Heads {
  constructor({ columns: place, order, sort }) {
    this.order = order;
    this.by = newest;
    this.buttons = new Map();
    for (const [by, text, first] of columns) {
      if (!by) {
        place.append(make('span', { class: 'head text', text }));
        continue;
      }
      const said = make('span', { class: 'unseen' });
      const button = make(
        'button',
        { type: 'button', class: `head ${by}`, 'data-by': by, onclick: () => sort(this.next(by, first)) },
        make('span', { text }),
        said,
        icon('up', 'arrow')
      );
      this.buttons.set(by, { button, said });
      place.append(button);
    }
    for (const [value, text] of choices) order.append(make('option', { value, text }));
    order.addEventListener('change', () => sort(order.value));
    this.write(newest);
  }

  /** next returns the order for a click on a header: the column's first order, or the reverse of the current one. */
  next(by, first) {
    if (this.by.replace(/^-/, '') !== by) return first;
    return this.by.startsWith('-') ? by : `-${by}`;
  }

  write(sort) {
    this.by = sort;
    this.order.value = sort;
    for (const [by, { button, said }] of this.buttons) {
      const sorted = sort === by ? 'up' : sort === `-${by}` ? 'down' : '';
      button.dataset.sorted = sorted;
      button.setAttribute('aria-pressed', sorted !== '');
      said.textContent = sorted ? `, sorted ${sorted === 'up' ? 'ascending' : 'descending'}` : '';
    }
  }
}
