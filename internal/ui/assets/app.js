// The page: connects the feed, the documents, the list, the view and the keyboard.

import { Bulk } from './bulk.js';
import { byId, icon, make, pressed, released, settle } from './dom.js';
import { Feed } from './feed.js';
import { Heads } from './heads.js';
import { keys } from './keys.js';
import { List } from './list.js';
import { Operator } from './operator.js';
import { Search } from './search.js';
import { Store, isOrder, newest } from './store.js';
import { Upload } from './upload.js';
import { View } from './view.js';
import { fold, nameParts, statuses } from './words.js';

const codes = { errors: {}, warnings: {} };
// idle: why waiting documents are not being processed
const may = { upload: false, retry: false, remove: false, export: false, idle: '' };
const store = new Store();
let server = null;
let connection = 'connecting';
let behind = 0; // milliseconds by which the local clock is behind the server's

const now = () => Date.now() + behind;

const list = new List({
  list: byId('list'), spacer: byId('spacer'), fresh: byId('fresh'), store, codes, may, now,
  choose: (id) => { location.hash = id; }, picked: () => bulk.write(),
});
const view = new View({
  element: byId('view'),
  codes,
  now,
  may,
  token: () => server.token,
  close: () => back(),
  step,
  has: (by) => Boolean(list.neighbour(view.id, by)),
  add: () => byId('add').click(),
  named: () => writeTitle(),
  turned: (page) => {
    const hash = `#${view.id}${page > 1 ? `/${page}` : ''}`;
    if (location.hash !== hash) history.replaceState(null, '', address(hash));
  },
});
const operator = new Operator({
  element: byId('operator'),
  now,
  close: () => back(),
  show: (wanted) => {
    back();
    filter(wanted);
  },
});
const upload = new Upload({ server: () => server, now });
const bulk = new Bulk({ list, store, codes, may, server: () => server, filter: (change) => filter(change) });

// What is shown: chips, reason, search.

const search = new Search({ store, found: () => { list.tick(); update(); } });

const kinds = [
  ['all', 'All'],
  ['failed', statuses.failed],
  ['processing', statuses.processing],
  ['retrying', statuses.retrying],
  ['done', statuses.done],
  ['warnings', 'Warnings'],
  ['deleted', statuses.deleted],
];
const chips = new Map();
for (const [kind, text] of kinds) {
  const number = make('span', { class: 'count' });
  const chip = make(
    'button',
    { type: 'button', 'aria-pressed': kind === 'all', 'data-kind': kind, onclick: () => show(kind) },
    text,
    number
  );
  chips.set(kind, { chip, number });
  byId('chips').append(chip);
}

const heads = new Heads({ columns: byId('columns'), order: byId('order'), sort: (by) => filter({ sort: by }) });

function show(kind) {
  filter({ show: kind });
}

/** filter changes what is shown. The address records it, so that it can be bookmarked, shared and reloaded. */
function filter(change) {
  Object.assign(store.filter, change);
  if ('search' in change) store.filter.words = fold(change.search).split(/\s+/).filter(Boolean);
  const { show: kind, reason, search: text, sort } = store.filter;
  for (const [k, { chip }] of chips) chip.setAttribute('aria-pressed', k === kind);
  if (byId('search').value !== text) byId('search').value = text;
  byId('reason').value = reason;
  Object.assign(byId('reason').parentElement.dataset, { show: kind, reason: reason ? 'yes' : '' });
  heads.write(sort);
  search.look();
  list.tick();
  history.replaceState(null, '', address(location.hash));
  list.before = undefined;
  list.list.scrollTop = 0;
  update();
}

byId('search').addEventListener('input', (e) => filter({ search: e.target.value }));
byId('reason').addEventListener('change', (e) => filter({ reason: e.target.value }));

/** address returns the address of the current filter, with another fragment. */
function address(hash) {
  const query = new URLSearchParams();
  const { show: kind, reason, search: text, sort } = store.filter;
  if (kind !== 'all') query.set('show', kind);
  if (reason) query.set('reason', reason);
  if (text) query.set('search', text);
  if (sort !== newest) query.set('sort', sort);
  return `${location.pathname}${query.size ? `?${query}` : ''}${hash}`;
}

/** recall restores the filter from the address. */
function recall() {
  const query = new URLSearchParams(location.search);
  const kind = query.get('show');
  const sort = query.get('sort') ?? newest;
  const said = {
    show: kinds.some(([k]) => k === kind) ? kind : 'all',
    reason: query.get('reason') ?? '',
    search: query.get('search') ?? '',
    sort: isOrder(sort) ? sort : newest,
  };
  if (Object.entries(said).some(([k, v]) => store.filter[k] !== v)) filter(said);
}

/** update shows the contents of the store, at most once per frame. */
let asked = false;
function update() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    if (pressed()) {
      list.refresh();
      released().then(update);
      return;
    }
    store.sort();
    list.update();
    writeChips();
    writeTitle();
    view.place();
    writeReasons();
    bulk.write();
    bulk.groups();
    writeFound();
    writeEmpty();
  });
}

function writeChips() {
  for (const [kind, { chip, number }] of chips) {
    const n = store.counts[kind] ?? 0;
    number.textContent = n ? n.toLocaleString('en') : '';
    chip.hidden = !store.totals[kind] && (kind === 'deleted' || kind === 'warnings') && store.filter.show !== kind;
    chip.dataset.alert = kind === 'failed' && n > 0 ? 'yes' : 'no';
  }
}

/** writeTitle puts the open document into the title, to distinguish tabs and history entries. */
function writeTitle() {
  if (operator.opened) { document.title = 'Activity – bucketocr'; return; }
  if (view.id) {
    document.title = `${view.summary ? nameParts(view.summary.name)[1] : 'Document'} – bucketocr`;
    return;
  }
  const { processing = 0, retrying = 0, failed = 0 } = store.totals;
  const waiting = processing + retrying ? `(${processing + retrying}) ` : '';
  document.title = `${waiting}${failed ? `${failed} failed – ` : ''}bucketocr`;
}

function writeReasons() {
  const select = byId('reason');
  const key = [...store.reasons, store.filter.reason].sort().join();
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  const options = [...store.reasons].sort((a, b) => b[1] - a[1]).map(([code, n]) =>
    make('option', { value: code, text: `${codes.errors[code]?.says ?? codes.warnings[code] ?? code} (${n})` }));
  const chosen = store.filter.reason;
  if (chosen && !store.reasons.has(chosen))
    options.push(
      make('option', { value: chosen, text: codes.errors[chosen]?.says ?? codes.warnings[chosen] ?? chosen })
    );
  settle(select, make('option', { value: '', text: 'Any reason' }), ...options);
  select.value = store.filter.reason;
  select.hidden = options.length === 0;
}

/** writeFound shows the scope of the search. */
function writeFound() {
  const says = search.says();
  if (byId('found').textContent !== says) byId('found').textContent = says;
  byId('found').hidden = says === '';
}

/** writeEmpty shows why the list is empty. */
function writeEmpty() {
  const empty = byId('empty');
  const said = store.shown.length ? null : emptiness();
  empty.classList.toggle('shown', said !== null);
  const key = said ? said.join('|') : '';
  if (!said || empty.dataset.key === key) { empty.dataset.key = key; return; }
  empty.dataset.key = key;
  const [title, sentence, clear] = said;
  empty.replaceChildren(make('strong', { text: title }), make('p', { text: sentence }));
  if (title === nothing && may.upload)
    empty.append(
      make('button', { type: 'button', class: 'main', onclick: () => byId('add').click() }, icon('upload'), 'Add files')
    );
  if (clear) empty.append(make('button', { type: 'button', text: 'Show all', onclick: () => { clearFilter(); } }));
}

const nothing = 'Nothing here yet';

function emptiness() {
  if (store.documents.size && (store.totals.all || store.filter.show !== 'all')) {
    if (search.state === 'searching') return ['Searching', 'No name contains these words. Searching the texts.'];
    return [
      'Nothing matches',
      search.texts
        ? 'No document with this status and reason contains these words in its name or text.'
        : 'No document has this name, status and reason.',
      'clear',
    ];
  }
  if (connection === 'offline')
    return ['No connection', 'bucketocr is not responding. Is it still running? This page reconnects automatically.'];
  if (connection === 'lost')
    return ['No documents', 'The record store is not responding. bucketocr retries automatically.'];
  if (connection !== 'live') return ['Loading', 'Loading the documents.'];
  if (may.idle) return [nothing, may.idle];
  if (may.upload)
    return [
      nothing,
      `Drop an image or a PDF anywhere on this page, or put it into the ${server.place}. ` +
        'Its text appears here moments later.',
    ];
  return [nothing, 'Images appear here as soon as they are uploaded to the bucket.'];
}

function clearFilter() {
  filter({ show: 'all', reason: '', search: '' });
}

// What is open. The address records it, so that Back and links work.

const activity = 'activity'; // the address of the operator's view
let stay = false; // keep the focus where it is when a document is opened
function route() {
  const [id, page] = location.hash.slice(1).split('/');
  const figures = id === activity;
  const open = id !== '' && id !== byId('list').id && !figures;
  document.body.classList.toggle('viewing', open);
  document.body.classList.toggle('operating', figures);
  byId('activity-open').setAttribute('aria-pressed', figures);
  const away = !open && !figures && (view.id || operator.opened);
  if (!open && view.id) view.shut();
  if (!figures) operator.shut();
  if (open) view.open(id, Number(page) || 0, store.get(id), stay);
  if (figures) operator.open();
  if (away) list.list.focus({ preventScroll: true });
  stay = false;
  list.open(open ? id : '');
  writeTitle();
}
window.addEventListener('hashchange', route);
// recall may replace the address, which fires no hashchange
window.addEventListener('popstate', () => { recall(); route(); });

/** step opens the document by places further down the list. */
function step(by) {
  const id = list.neighbour(view.id, by);
  if (!id) return;
  stay = document.activeElement === list.list;
  location.replace(`#${id}`); // Back still leads to the previous place
  route(); // at once: the next key may arrive before the event
}

function back() {
  if (!view.id && !operator.opened) { bulk.clear(); return; }
  history.pushState(null, '', address(''));
  route();
}

// The connection.

const said = {
  connecting: () => 'connecting',
  loading: () => 'loading',
  live: () => may.idle || (server?.partial ? `live, ${server.partial}` : 'live'),
  lost: (reason) => reason,
  offline: () => 'no connection, trying again',
};

function connected(state, reason = '', idle = '') {
  connection = state;
  may.idle = idle;
  byId('connection').dataset.state = state === 'live' && idle ? 'idle' : state;
  byId('connection').textContent = said[state](reason);
  if (state === 'live') released().then(() => view.revive());
  update();
}

const feed = new Feed({
  hello(news) {
    server = news;
    store.newest = news.newest ?? 0;
    Object.assign(codes.errors, news.codes);
    Object.assign(codes.warnings, news.warnings);
    Object.assign(may, { upload: news.upload, retry: news.retry, remove: news.delete, export: news.export });
    behind = news.now - Date.now();
    if (Math.abs(behind) < 1000) behind = 0;
    byId('place').textContent = news.place;
    byId('add').hidden = !news.upload;
    search.texts = news.search;
    byId('search').placeholder = news.search ? 'Search names and texts' : 'Search by name';
    byId('search').setAttribute('aria-label', byId('search').placeholder);
    search.look();
    released().then(() => view.learn()); // the document may have arrived before hello
  },
  reset() { store.forget(); update(); },
  records(news) {
    store.put(news);
    upload.seen(news);
    search.changed();
    for (const d of news) if (d.id === view.id) view.change(d);
    update();
  },
  connection: connected,
});

keys({
  list,
  view,
  bulk,
  back,
  step,
  figures: () => operator.opened,
  activity: () => byId('activity-open').click(),
  upload: () => may.upload && byId('add').click(),
  search: () => {
    if (operator.opened) back();
    byId('search').focus();
    byId('search').select();
  },
  show: (n) => {
    if (operator.opened) back();
    if (kinds[n]) show(kinds[n][0]);
  },
});
document.addEventListener('click', (e) => { // outside a menu, or on one of its items
  for (const menu of document.querySelectorAll('.menu[open]'))
    if (!menu.contains(e.target) || e.target.closest('a')) menu.open = false;
});
window.addEventListener('beforeprint', () => view.whole());
byId('activity-open').addEventListener('click', () => { if (operator.opened) back(); else location.hash = activity; });
byId('help-open').addEventListener('click', () => byId('help').showModal());

connected('connecting');
recall();
route();
feed.open();
