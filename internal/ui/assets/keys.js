// The keyboard. One table defines the keys and the help for them.

import { byId, make } from './dom.js';

/** keys binds the table to an app: {list, view, search(), show(n), upload(), activity(), figures()}; figures() reports
 * whether the operator's view is open. */
export function keys(app) {
  const table = [
    [['j', 'ArrowDown'], 'next document', (key, event) => step(key, 1, event.shiftKey)],
    [['k', 'ArrowUp'], 'previous document', (key, event) => step(key, -1, event.shiftKey)],
    [['PageDown'], null, () => inList(() => app.list.move(app.list.page()))],
    [['PageUp'], null, () => inList(() => app.list.move(-app.list.page()))],
    [['Home'], null, () => inList(() => app.list.move(-Infinity))],
    [['End'], null, () => inList(() => app.list.move(Infinity))],
    [['Enter'], 'open the document', () => inList(() => app.list.active && app.list.choose(app.list.active))],
    [
      ['x', ' '],
      'select or deselect it',
      () => inList(() => app.list.active && app.list.select(app.list.active, 'toggle')),
    ],
    [['Shift ↓', 'Shift ↑'], 'extend the selection', null],
    [['Ctrl A'], 'select all shown', null],
    [['e'], 'export the selected texts', () => app.bulk.export()],
    [['Delete'], 'delete the selected documents', () => inList(() => app.bulk.remove())],
    [['Escape'], 'back to the list; clear the selection', () => app.back()],
    [['n', ']'], 'next page', () => app.view.id && app.view.leaf(1)],
    [['p', '['], 'previous page', () => app.view.id && app.view.leaf(-1)],
    [['r'], 'try again', () => (app.view.id && !app.list.selected.size ? app.view.retry() : app.bulk.retry())],
    [['c'], 'copy the whole text', () => app.view.id && app.view.document && app.view.copy()],
    [['z'], 'side by side or stacked; text or image on a small screen', () => app.view.id && app.view.turn()],
    [['+', '='], 'larger image', () => app.view.document && app.view.magnify(1)],
    [['-'], 'smaller image', () => app.view.document && app.view.magnify(-1)],
    [['0'], 'fit the image to the width', () => app.view.document && app.view.resize(1)],
    [['a'], 'activity: queue, failures, pace', () => app.activity()],
    [['u'], 'add files', () => app.upload()],
    [['/'], 'search', () => app.search()],
    [['1', '2', '3', '4', '5', '6'], 'show all, failed, reading …', (key) => app.show(Number(key) - 1)],
    [['?'], 'this help', () => byId('help').showModal()],
  ];
  const actions = new Map();
  for (const [names, , action] of table) if (action) for (const n of names) actions.set(n, action);
  describe(table);

  /** step opens the next document if one is open, or else moves the active row. Arrow keys scroll the focused element.
   * */
  function step(key, by, shift) {
    if (app.figures()) return false;
    if (!app.view.id || shift) return inList(() => (shift ? app.list.extend(by) : app.list.move(by)));
    const at = document.activeElement;
    if (key.startsWith('Arrow') && at !== app.list.list && at !== document.body) return false;
    app.step(by);
    return true;
  }

  /** inList runs an action on the list, unless the key has another meaning for the focused element. */
  function inList(action) {
    if (app.figures()) return false;
    const at = document.activeElement;
    const elsewhere = at && at !== document.body && at !== app.list.list;
    if (elsewhere && (app.view.id || at.closest('button, a, input, select, summary'))) return false;
    app.list.list.focus({ preventScroll: true });
    action();
    return true;
  }

  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === 'p' && app.view.document) {
      event.preventDefault();
      app.view.print();
      return;
    }
    if ((event.ctrlKey || event.metaKey) && event.key === 'a' && document.activeElement === app.list.list) {
      event.preventDefault();
      app.list.selectAll(true);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    const at = event.target;
    const menu = event.key === 'Escape' && document.querySelector('.menu[open]');
    if (menu) { menu.open = false; menu.querySelector('summary').focus(); return; }
    const typing = at.matches('input:not([type="file"], [type="checkbox"]), select, textarea');
    if (typing && event.key === 'Escape') { at.blur(); app.list.list.focus(); return; }
    if (typing && at.id === 'search' && (event.key === 'Enter' || event.key === 'ArrowDown')) {
      event.preventDefault();
      app.list.list.focus();
      app.list.move(app.list.active && app.list.store.shown.includes(app.list.active) ? 0 : 1);
      return;
    }
    if (typing) return;
    const action = actions.get(event.key);
    if (action && action(event.key, event) !== false) event.preventDefault();
  });
}

function describe(table) {
  const names = { ArrowDown: '↓', ArrowUp: '↑', Escape: 'Esc', ' ': 'Space' };
  for (const [keys, says] of table) {
    if (!says) continue;
    const shown = keys.length > 2 ? [`${keys[0]} … ${keys.at(-1)}`] : keys;
    byId('keys').append(
      make('dt', {}, ...shown.map((k) => make('kbd', { text: names[k] ?? k }))),
      make('dd', { text: says })
    );
  }
}
