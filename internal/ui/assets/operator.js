// The operator's view: problems that need attention, throughput, queue, and failures by reason.

import { icon, make, settle } from './dom.js';
import { ask } from './feed.js';
import { ago, count, nameParts } from './words.js';

const every = 2000; // milliseconds between updates

/** Operator shows figures while it is open. The caller decides when that is, and provides close(), show(filter) for the
 * list, and now(). */
export class Operator {
  constructor({ element, now, close, show }) {
    Object.assign(this, { element, now, close, show });
    this.opened = false;
    document.addEventListener('visibilitychange', () => this.look());
  }

  open() {
    if (this.opened) return;
    this.opened = true;
    this.element.hidden = false;
    this.write();
    this.element.querySelector('h2').focus({ preventScroll: true });
    this.look();
  }

  shut() {
    this.opened = false;
    this.element.hidden = true;
    clearTimeout(this.timer);
  }

  async look() {
    clearTimeout(this.timer);
    if (!this.opened || document.hidden) return;
    try {
      this.figures = await ask('/api/operator');
      this.trouble = '';
    } catch (error) {
      this.trouble = error.message;
    }
    if (!this.opened) return;
    this.write();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), every);
  }

  write() {
    const f = this.figures;
    const old = this.trouble && f ? ` These figures are ${ago(this.now() - f.now)} old.` : '';
    settle(
      this.element,
      make(
        'header',
        {},
        make(
          'button',
          {
            class: 'plain',
            type: 'button',
            'data-act': 'close-operator',
            'aria-label': 'Back to the list (Esc)',
            title: 'Back to the list (Esc)',
            onclick: this.close,
          },
          icon('back')
        ),
        make('h2', { tabindex: '-1', text: 'Activity' }),
        ...(f?.partial ? [make('p', { class: 'partial', text: `of ${f.partial} documents` })] : [])
      ),
      make(
        'div',
        { class: 'body', tabindex: '0', role: 'region', 'aria-label': 'Figures' },
        ...(this.trouble ? [make('p', { class: 'reason', role: 'status', text: this.trouble + old })] : []),
        ...(f
          ? [this.needs(f), this.cards(f), this.failures(f)]
          : this.trouble
            ? []
            : [make('p', { class: 'late', text: 'Loading …' })])
      )
    );
  }

  /** needs returns the list of problems that need attention. */
  needs(f) {
    if (f.attention.length === 0) {
      const said = {
        loading: 'The documents are still loading.',
        lost: 'The record store is not responding: its current state is unknown.',
      }[f.state];
      return make(
        'p',
        { class: said ? 'calm soft' : 'calm', role: 'status' },
        ...(said ? [] : [icon('done', 'status')]),
        said ?? 'Nothing needs your attention.'
      );
    }
    return make(
      'ul',
      { class: 'needs', 'aria-label': 'Needs your attention' },
      ...f.attention.map((a) =>
        make(
          'li',
          { 'data-act': `need-${a.code}-${a.says.slice(0, 40)}` },
          make('strong', { text: a.says }),
          ' ',
          a.do,
          ...(a.code ? [' ', make('span', { class: 'raw', text: a.code })] : [])
        )
      )
    );
  }

  cards(f) {
    const n = (x) => x.toLocaleString('en');
    const { queue: q, today: t, service: s } = f;
    const card = (act, head, big, unit, ...rest) =>
      make(
        'section',
        { class: 'card', 'data-act': `card-${act}`, 'aria-label': head },
        make('h3', { text: head }),
        make('p', { class: 'big' }, make('span', { text: big }), ' ', make('span', { class: 'unit', text: unit })),
        ...rest
      );
    const line = (...text) => make('p', { class: 'line' }, ...text);
    const unknown = (act, head, why) =>
      make(
        'section',
        { class: 'card', 'data-act': `card-${act}`, 'aria-label': head },
        make('h3', { text: head }),
        make('p', { class: 'big unknown', text: 'unknown here' }),
        line(why)
      );
    const oldest = q.oldest
      ? [
          line(
            'Oldest ',
            make('a', { href: `#${q.oldest}`, 'data-act': 'oldest', text: nameParts(q.name)[1] }),
            `, ${ago(this.now() - q.since)}`
          ),
        ]
      : [];
    return make(
      'div',
      { class: 'cards' },
      card(
        'pace',
        'Read in the last minute',
        n(f.minute),
        f.minute === 1 ? 'page' : 'pages',
        bars(f.minutes),
        line(`${count(f.hour, 'page')} in the last hour`)
      ),
      card(
        'queue',
        'Queue',
        n(q.waiting + Math.max(q.arrived, 0)),
        'waiting',
        line(`${n(q.working)} being read`),
        ...(q.arrived > 0 ? [line(`${count(q.arrived, 'file')} not started`)] : []),
        ...(q.late ? [line(`${n(q.late)} overdue`)] : []),
        ...oldest
      ),
      card(
        'today',
        'Today',
        n(t.pages),
        t.pages === 1 ? 'page' : 'pages',
        line(`${n(t.promptTokens)} tokens in, ${n(t.completionTokens)} out`),
        line('since midnight')
      ),
      s
        ? card(
            'service',
            'At the OCR service',
            n(s.inFlight),
            `of at most ${n(s.limit)}`,
            line(
              s.most === 0
                ? 'No limit is set.'
                : s.limit < s.most
                  ? `Slowed down: the limit is ${n(s.most)}, but the service sustains ${n(s.limit)}.`
                  : `The limit is ${n(s.most)} (OCR_INSTANCE_CONCURRENCY).`
            )
          )
        : unknown('service', 'At the OCR service', f.elsewhere),
      this.passes(f, card, line, unknown)
    );
  }

  /** passes shows when the buckets were last compared with their documents. */
  passes(f, card, line, unknown) {
    const head = 'Check for missed files';
    if (f.scanned) return card('passes', head, ago(this.now() - f.scanned), 'ago', line(f.compared));
    if (f.compared) return unknown('passes', head, f.compared);
    if (f.passes.length === 0) return unknown('passes', head, 'No documents yet, so no bucket is known.');
    const said = (p) =>
      p.trouble ||
      (p.begun
        ? `under way for ${ago(this.now() - p.begun)}`
        : p.ended
          ? `${ago(this.now() - p.ended)} ago`
          : 'never: it is not in RECONCILE_BUCKETS, or the job has not run yet');
    return make(
      'section',
      { class: 'card', 'data-act': 'card-passes', 'aria-label': head },
      make('h3', { text: head }),
      make(
        'dl',
        {},
        ...f.passes.flatMap((p) => [
          make('dt', { text: p.bucket, 'data-act': `bucket-${p.bucket}` }),
          make('dd', { text: said(p), 'data-act': `pass-${p.bucket}` }),
        ])
      )
    );
  }

  /** failures returns the table of reasons, most frequent first; each number links to its documents. */
  failures(f) {
    if (f.failures.length === 0)
      return make('p', { class: 'calm soft', text: 'No documents have failed or are waiting for a reason.' });
    const number = (row, kind, n, word) =>
      make(
        'td',
        {},
        ...(n
          ? [
              make('button', {
                type: 'button',
                class: 'plain',
                'data-act': `${kind}-${row.code}`,
                'aria-label': `${n} ${word}: ${row.says}`,
                text: n.toLocaleString('en'),
                onclick: () => this.show({ show: kind, reason: row.code, search: '' }),
              }),
            ]
          : [])
      );
    return make(
      'table',
      {},
      make('caption', { text: 'Failures by reason' }),
      make(
        'thead',
        {},
        make(
          'tr',
          {},
          make('th', { scope: 'col', text: 'Reason and remedy' }),
          make('th', { scope: 'col', text: 'Failed' }),
          make('th', { scope: 'col', text: 'Waiting' })
        )
      ),
      make(
        'tbody',
        {},
        ...f.failures.map((row) =>
          make(
            'tr',
            { 'data-act': `row-${row.code}` },
            make(
              'th',
              { scope: 'row' },
              make('span', { text: row.says }),
              ' ',
              make('span', { class: 'do', text: row.do })
            ),
            number(row, 'failed', row.failed, 'failed'),
            number(row, 'retrying', row.waiting, 'waiting')
          )
        )
      )
    );
  }
}

const svg = 'http://www.w3.org/2000/svg';

/** bars draws the number of pages read in each minute of the last hour. */
function bars(minutes) {
  const most = Math.max(1, ...minutes);
  const chart = document.createElementNS(svg, 'svg');
  const set = (element, values) => {
    for (const [k, v] of Object.entries(values)) element.setAttribute(k, v);
    return element;
  };
  set(chart, {
    class: 'bars',
    viewBox: `0 0 ${minutes.length * 4} 32`,
    preserveAspectRatio: 'none',
    role: 'img',
    'aria-label': `Pages by minute of the last hour, ${most === 1 && !minutes.some(Boolean) ? 'none' : `at most ${most}`}`,
  });
  minutes.forEach((n, i) => {
    const high = n ? Math.max(1.5, n / most * 32) : 0.5;
    chart.append(set(document.createElementNS(svg, 'rect'), { x: i * 4, y: 32 - high, width: 3, height: high }));
  });
  return chart;
}

