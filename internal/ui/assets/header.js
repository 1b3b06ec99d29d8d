// The header above a document's pages.

import { icon, make, settle } from './dom.js';
import {
  rereadingWords,
  count,
  failureOf,
  helps,
  moment,
  nameParts,
  noteOf,
  pagesOf,
  seconds,
  size,
  statuses,
} from './words.js';

/** header writes the header of a view from its summary and, once loaded, its document. It keeps existing elements,
 * identified by data-act, so that neither a click nor the focus is lost. */
export function header(view) {
  const d = view.summary;
  const open = view.head.querySelector('.details')?.open;
  if (!d) {
    settle(view.head, title(view, '', view.trouble ? 'No document' : 'Loading …'));
    return;
  }
  settle(
    view.head,
    title(view, ...nameParts(d.name)),
    facts(d),
    ...reasons(view, d),
    actions(view, d),
    ...(view.document ? [details(view.document, open)] : [])
  );
}

function title(view, folder, file) {
  const button = (act, symbol, text, onclick, disabled) =>
    make(
      'button',
      { class: 'plain', type: 'button', 'data-act': act, 'aria-label': text, title: text, onclick, disabled },
      icon(symbol)
    );
  return make('div', { class: 'title' },
    button('close', 'back', 'Back to the list (Esc)', view.close, false),
    make('h2', { tabindex: '-1', 'data-act': 'title' }, make('span', { class: 'folder', text: folder }), file),
    button('document-before', 'up', 'Previous document (k)', () => view.step(-1), !view.has(-1)),
    button('document-after', 'down', 'Next document (j)', () => view.step(1), !view.has(1)));
}

function facts(d) {
  const list = [
    make('span', { class: 'state', 'data-status': d.status }, icon(d.status, 'status'), statuses[d.status]),
  ];
  const pages = pagesOf(d);
  if (pages) list.push(make('span', { text: d.status === 'done' ? pages : `${pages} pages` }));
  if (d.status === 'done' && d.started && d.finished - d.started >= 100)
    list.push(make('span', { text: `read in ${seconds(d.finished - d.started)}` }));
  if (d.size) list.push(make('span', { text: size(d.size) }));
  if (d.attempt > 1) list.push(make('span', { text: `attempt ${d.attempt}` }));
  return make('div', { class: 'facts' }, ...list);
}

/** reasons shows why the document failed or waits, and which pages have warnings. */
function reasons(view, d) {
  const list = [];
  if (d.code && d.status !== 'done') {
    const { says, help, message } = failureOf(d, view.codes.errors);
    list.push(make('p', { class: d.status === 'failed' ? 'reason' : 'reason waiting' },
      make('strong', { text: says }), ' ', make('span', { class: 'do', text: help }),
      make('span', { class: 'raw', text: message ? `${d.code}: ${message}` : d.code })));
  } else if (d.rereading) {
    const words = view.codes.errors[d.code] ?? { says: '', do: '' };
    const text =
      d.rereading === 'failed'
        ? `Reading it again failed; the text is from before. ${words.says} ${words.do}`
        : `${rereadingWords[d.rereading]}; the text is kept until then.`;
    list.push(make('p', { class: 'reason waiting', text }));
  } else if (d.status === 'retrying') {
    list.push(
      make('p', {
        class: 'reason waiting',
        text: `Waiting: ${noteOf(d, view.codes.errors, view.now(), view.may.idle)}.`,
      })
    );
  }
  if (view.may.idle && (d.status === 'retrying' || d.status === 'processing'))
    list.push(make('p', { class: 'reason idle', text: view.may.idle }));
  if (d.warnings) list.push(warned(view, d));
  return list;
}

function warned(view, d) {
  const links = (view.document?.pageList ?? [])
    .filter((p) => p.warnings)
    .slice(0, 30)
    .map((p) =>
      make('button', {
        type: 'button',
        'data-act': `page-${p.page}`,
        text: `page ${p.page}`,
        onclick: () => view.go(p.page),
      })
    );
  return make('p', { class: 'warned' }, d.warnings.map((w) => view.codes.warnings[w] ?? w).join(' '), ' ', ...links);
}

function actions(view, d) {
  const parts = [];
  const button = (act, symbol, text, title, action, main) =>
    parts.push(
      make(
        'button',
        { type: 'button', 'data-act': act, class: main ? 'main' : null, title, onclick: action },
        icon(symbol),
        text
      )
    );
  const help = d.status === 'failed' ? helps(d, view.codes.errors) : {};
  if (help.add && view.may.upload)
    button('add', 'upload', 'Add another version', 'Add files (u)', () => view.add(), true);
  if (view.canRetry())
    button(
      'retry',
      'again',
      d.status === 'done' ? 'Read these pages again' : 'Try again',
      'Try again (r)',
      () => view.retry(),
      help.retry === 'first'
    );
  if (d.status === 'done' && !d.blank)
    button('copy', 'copy', 'Copy text', 'Copy the whole text (c)', () => view.copy());
  if (view.document) parts.push(downloads(view, d));
  const texts = view.document && (d.status !== 'failed' || view.document.pageList.some((p) => p.ready));
  if (texts) parts.push(
    make(
      'div',
      { class: 'modes', role: 'group', 'aria-label': 'Show', title: 'Switch (z)' },
      ...view
        .modes()
        .map(([mode, text]) =>
          make('button', {
            type: 'button',
            'data-act': mode,
            'aria-pressed': mode === view.mode(),
            text,
            onclick: () => view.show(mode),
          })
        )
    )
  );
  if (view.document && view.images()) parts.push(zoom(view));
  const shown = d.status === 'done' ? d.pagesDone : d.pages;
  if (shown > 1) parts.push(goTo(view, shown));
  return make('div', { class: 'actions' }, ...parts);
}

/** downloads returns the menu of files to download. */
function downloads(view, d) {
  const link = (as, text) =>
    make('a', {
      href: `/api/documents/${view.id}/download?as=${as}&version=${d.version}`,
      download: '',
      'data-act': `as-${as}`,
      text,
    });
  const texts = view.document.pageList.some((p) => p.ready)
    ? [link('markdown', 'Markdown'), link('text', 'Plain text'), link('json', 'JSON')]
    : [];
  return make(
    'details',
    { class: 'menu', open: view.head.querySelector('.menu')?.open },
    make('summary', { 'data-act': 'download' }, icon('download'), 'Download'),
    make('div', { class: 'choices' }, ...texts, ...(d.status === 'deleted' ? [] : [link('original', 'Original file')]))
  );
}

/** zoom returns the buttons that change the size of the images. */
function zoom(view) {
  const button = (act, text, label, pressed, onclick) =>
    make('button', {
      type: 'button',
      'data-act': act,
      'aria-label': label,
      title: label,
      'aria-pressed': pressed,
      text,
      onclick,
    });
  return make('div', { class: 'modes zoom', role: 'group', 'aria-label': 'Size of the images' },
    button('zoom-out', '−', 'Smaller (-)', null, () => view.magnify(-1)),
    button('zoom-width', 'Width', 'Width: fit the images to the width (0)', view.size === 1, () => view.resize(1)),
    button('zoom-page', 'Page', 'Page: fit the images to the height', view.size === 'page', () => view.resize('page')),
    button('zoom-in', '+', 'Larger (+)', null, () => view.magnify(1)));
}

/** goTo returns the field with the number of the page at the top, which follows the scrolling, and the buttons beside
 * it. */
function goTo(view, pages) {
  const field = make('input', {
    type: 'number',
    min: 1,
    max: pages,
    value: view.list.length ? view.page() : 1,
    'data-act': 'page',
    'aria-label': `Page, of ${pages}`,
    oninput: (e) => {
      e.target.typed = true;
    },
    onchange: (e) => {
      e.target.typed = false;
      e.target.value = view.go(e.target.value === '' ? view.page() : Number(e.target.value));
    },
    onblur: (e) => {
      e.target.typed = false;
    },
  });
  const step = (act, by, text, symbol) =>
    make(
      'button',
      {
        class: 'plain',
        type: 'button',
        'data-act': act,
        'aria-label': text,
        title: text,
        onclick: () => view.leaf(by),
      },
      icon(symbol)
    );
  return make(
    'div',
    { class: 'goto' },
    step('page-before', -1, 'Previous page (p)', 'left'),
    make('label', {}, 'Page ', field, ` of ${pages}`),
    step('page-after', 1, 'Next page (n)', 'right')
  );
}

/** follow shows the number of the page at the top, unless the user is typing one. */
export function follow(view) {
  const field = view.head.querySelector('[data-act="page"]');
  if (field && !field.typed) field.value = view.page();
}

function details(d, open) {
  const list = [
    ['bucket', d.bucket], ['generation', d.generation], ['declared type', d.contentType], ['model', d.model],
    ['tokens', d.usage[1] ? `${count(d.usage[0], 'token')} in, ${d.usage[1].toLocaleString('en')} out` : ''],
    ['arrived', moment(d.arrived)], ['finished', moment(d.finished)], ['last change', moment(d.updated)],
    ['tried again', d.retried ? `${moment(d.retried)} by ${d.retriedBy}` : ''],
    ...Object.entries(d.metadata ?? {}).map(([k, v]) => [`metadata ${k}`, v]),
    ['document', d.id],
  ];
  const dl = make('dl');
  for (const [k, v] of list) if (v) dl.append(make('dt', { text: k }), make('dd', { text: v }));
  return make('details', { class: 'details', open }, make('summary', { text: 'Details', 'data-act': 'details' }), dl);
}
