// The heads of the list's columns: they sort it. Where the list is narrow a menu does.

import { icon, make } from './dom.js';
import { newest } from './store.js';

// A column: its order's name, its head, and how it is sorted by the first click.
const columns = [['name', 'Name', 'name'], ['status', 'Status', 'status'], [null, 'Text'], ['pages', 'Pages', '-pages'], ['added', 'Added', newest]];
const choices = [[newest, 'Newest first'], ['added', 'Oldest first'], ['name', 'Name, A to Z'], ['-name', 'Name, Z to A'], ['status', 'Failed first'], ['-status', 'Done first'],
  ['-pages', 'Most pages first'], ['pages', 'Fewest pages first']];

/** Heads calls sort(by) with an order of the store's. */
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
      const button = make('button', { type: 'button', class: `head ${by}`, 'data-by': by, onclick: () => sort(this.next(by, first)) },
        make('span', { text }), said, icon('up', 'arrow'));
      this.buttons.set(by, { button, said });
      place.append(button);
    }
    for (const [value, text] of choices) order.append(make('option', { value, text }));
    order.addEventListener('change', () => sort(order.value));
    this.write(newest);
  }

  /** next is the order that a click on a head leads to: its first one, or the other way round. */
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
