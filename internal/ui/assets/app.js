// The page: wires the connection, the documents, the list, the view and the keyboard.

import { byId, make, pressed, released, settle } from './dom.js';
import { Feed } from './feed.js';
import { keys } from './keys.js';
import { List } from './list.js';
import { Store } from './store.js';
import { Upload } from './upload.js';
import { View } from './view.js';
import { statuses } from './words.js';

const codes = { errors: {}, warnings: {} };
const may = { upload: false, retry: false };
const store = new Store();
let server = null;
let connection = 'connecting';
let behind = 0; // milliseconds that this machine's clock is behind the server's

const now = () => Date.now() + behind;

const list = new List({
  list: byId('list'), spacer: byId('spacer'), fresh: byId('fresh'), store, codes, now,
  choose: (id) => { location.hash = id; },
});
const view = new View({ element: byId('view'), codes, now, may, token: () => server.token, close: () => back(),
  turned: (page) => { if (view.id) history.replaceState(null, '', `#${view.id}${page > 1 ? `/${page}` : ''}`); } });
new Upload(() => server);

// What is shown: chips, reason, search.

const kinds = [['all', 'All'], ['processing', statuses.processing], ['retrying', statuses.retrying], ['done', statuses.done],
  ['failed', statuses.failed], ['warnings', 'Warnings'], ['deleted', statuses.deleted]];
const chips = new Map();
for (const [kind, text] of kinds) {
  const number = make('span', { class: 'count' });
  const chip = make('button', { type: 'button', 'aria-pressed': kind === 'all', 'data-kind': kind, onclick: () => show(kind) }, text, number);
  chips.set(kind, { chip, number });
  byId('chips').append(chip);
}

function show(kind) {
  store.filter.show = kind;
  for (const [k, { chip }] of chips) chip.setAttribute('aria-pressed', k === kind);
  refilter();
}

/** refilter begins at the top: another filter is another list. */
function refilter() {
  list.before = undefined;
  list.list.scrollTop = 0;
  update();
}

byId('search').addEventListener('input', (e) => {
  store.filter.words = e.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  refilter();
});
byId('reason').addEventListener('change', (e) => { store.filter.reason = e.target.value; refilter(); });

/** update shows what the store holds, once a frame at most. */
let asked = false;
function update() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(async () => {
    if (pressed()) {
      list.refresh();
      await released();
    }
    asked = false;
    store.sort();
    list.update();
    writeChips();
    writeReasons();
    writeEmpty();
  });
}

function writeChips() {
  for (const [kind, { chip, number }] of chips) {
    const n = store.counts[kind] ?? 0;
    number.textContent = n ? n.toLocaleString('en') : '';
    chip.hidden = n === 0 && (kind === 'deleted' || kind === 'warnings') && store.filter.show !== kind;
    chip.dataset.alert = kind === 'failed' && n > 0 ? 'yes' : 'no';
  }
  const { processing = 0, retrying = 0, failed = 0 } = store.counts;
  document.title = `${processing + retrying ? `(${processing + retrying}) ` : ''}${failed ? `${failed} failed – ` : ''}bucketocr`;
}

function writeReasons() {
  const select = byId('reason');
  const key = [...store.reasons].sort().join();
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  const options = [...store.reasons].sort((a, b) => b[1] - a[1]).map(([code, n]) =>
    make('option', { value: code, text: `${codes.errors[code]?.says ?? codes.warnings[code] ?? code} (${n})` }));
  if (store.filter.reason && !store.reasons.has(store.filter.reason)) options.push(make('option', { value: store.filter.reason, text: store.filter.reason }));
  settle(select, make('option', { value: '', text: 'Any reason' }), ...options);
  select.value = store.filter.reason;
  select.hidden = options.length === 0;
}

/** writeEmpty says why the list is empty. */
function writeEmpty() {
  const empty = byId('empty');
  const said = store.shown.length ? null : emptiness();
  empty.classList.toggle('shown', said !== null);
  const key = said ? said.join('|') : '';
  if (!said || empty.dataset.key === key) { empty.dataset.key = key; return; }
  empty.dataset.key = key;
  const [title, sentence, clear] = said;
  empty.replaceChildren(make('strong', { text: title }), make('p', { text: sentence }));
  if (clear) empty.append(make('button', { type: 'button', text: 'Show all', onclick: () => { clearFilter(); } }));
}

function emptiness() {
  if (store.documents.size && (store.counts.all || store.filter.show !== 'all')) {
    return ['Nothing matches', 'No document has this name, status and reason.', 'clear'];
  }
  if (connection === 'offline') return ['No connection', 'bucketocr does not answer. Is it still running? This page tries again by itself.'];
  if (connection === 'lost') return ['No documents', 'The record store does not answer. bucketocr asks it again by itself.'];
  if (connection !== 'live') return ['Loading', 'The documents are on their way.'];
  if (may.upload) return ['Nothing here yet', 'Drop an image or a PDF anywhere on this page, or put it into the folder. Its text appears here a moment later.'];
  return ['Nothing here yet', 'As soon as an image lands in the bucket, it appears here.'];
}

function clearFilter() {
  store.filter.reason = '';
  store.filter.words = [];
  byId('search').value = '';
  byId('reason').value = '';
  show('all');
}

// What is open: the address says it, so that Back and links work.

function route() {
  const [id, page] = location.hash.slice(1).split('/');
  const open = /^[0-9a-f]{64}$/.test(id);
  document.body.classList.toggle('viewing', open);
  if (open) {
    view.open(id, Number(page) || 0, store.get(id));
  } else if (view.id) {
    view.shut();
    list.list.focus({ preventScroll: true });
  }
  list.open(open ? id : '');
}
window.addEventListener('hashchange', route);

function back() {
  if (!view.id) return;
  history.pushState(null, '', location.pathname);
  route();
}

// The connection.

const said = {
  connecting: () => 'connecting', loading: () => 'loading', live: () => (server?.partial ? `live, ${server.partial}` : 'live'),
  lost: (reason) => reason, offline: () => 'no connection, trying again',
};

function connected(state, reason = '') {
  connection = state;
  byId('connection').dataset.state = state;
  byId('connection').textContent = said[state](reason);
  update();
}

const feed = new Feed({
  hello(news) {
    server = news;
    Object.assign(codes.errors, news.codes);
    Object.assign(codes.warnings, news.warnings);
    Object.assign(may, { upload: news.upload, retry: news.retry });
    behind = news.now - Date.now();
    if (Math.abs(behind) < 1000) behind = 0;
    byId('place').textContent = news.place;
    byId('add').hidden = !news.upload;
    released().then(() => view.learn()); // it may have been quicker
  },
  reset() { store.forget(); update(); },
  records(news) {
    store.put(news);
    for (const d of news) if (d.id === view.id) view.change(d);
    update();
  },
  connection: connected,
});

keys({
  list, view, back, upload: () => may.upload && byId('add').click(),
  search: () => { byId('search').focus(); byId('search').select(); },
  show: (n) => kinds[n] && show(kinds[n][0]),
});
window.addEventListener('beforeprint', () => view.whole());
byId('help-open').addEventListener('click', () => byId('help').showModal());

connected('connecting');
route();
feed.open();
