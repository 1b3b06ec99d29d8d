// Uploads files that are dropped, chosen or pasted, a few at a time.

import { byId, make, settle } from './dom.js';
import { size } from './words.js';

const atOnce = 3;
const patience = 30_000; // milliseconds after which a missing document is reported

// if a file with the name exists; the safe one comes first
const answers = [['both', 'Keep both'], ['replace', 'Replace'], ['skip', 'Skip']];

/** Upload sends files and shows their progress until their documents have appeared, which seen() reports. server()
 * returns the last hello, now() the server's time. A file is waiting, sent, uploaded, asked (about), or refused. */
export class Upload {
  constructor({ server, now }) {
    Object.assign(this, { server, now });
    this.waiting = [];
    this.running = 0;
    this.tray = byId('tray');
    this.head = make('div', { class: 'sum' });
    this.files = make('div', { class: 'files' });
    this.tray.append(this.head, this.files);
    this.clear();
    this.listen();
  }

  /** clear starts a new count, for the first files after the tray was empty. */
  clear() {
    this.all = ''; // the answer to all questions in this count
    this.total = this.uploaded = 0;
    this.list = new Set(); // files in the tray, or about to be
  }

  listen() {
    const drop = byId('drop');
    let depth = 0;
    const over = (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return false;
      event.preventDefault();
      return Boolean(this.server()?.upload);
    };
    window.addEventListener('dragenter', (e) => { if (over(e)) { depth++; drop.hidden = false; } });
    window.addEventListener('dragover', over);
    window.addEventListener('dragleave', () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) drop.hidden = true;
    });
    window.addEventListener('drop', (e) => {
      depth = 0;
      drop.hidden = true;
      if (over(e)) this.dropped(e.dataTransfer);
    });
    window.addEventListener('paste', (e) => {
      if (this.server()?.upload && e.clipboardData.files.length) this.addAll(e.clipboardData.files);
    });
    byId('add').addEventListener('click', () => byId('files').click());
    byId('files').addEventListener('change', (e) => { this.addAll(e.target.files); e.target.value = ''; });
  }

  addAll(files) { for (const f of files) this.add(f.name, f); }

  dropped(transfer) {
    for (const part of [...transfer.items].filter((i) => i.kind === 'file')) {
      const entry = part.webkitGetAsEntry?.();
      if (entry?.isDirectory) this.walk(entry, '');
      else this.add(part.getAsFile().name, part.getAsFile());
    }
  }

  /** walk adds the files in a dropped folder, except hidden ones. */
  walk(entry, above) {
    if (entry.name.startsWith('.')) return;
    if (entry.isFile) {
      entry.file((f) => this.add(above + f.name, f));
      return;
    }
    const reader = entry.createReader();
    const more = () => reader.readEntries((list) => {
      list.forEach((e) => this.walk(e, `${above}${entry.name}/`));
      if (list.length) more();
    });
    more();
  }

  add(name, file) {
    const said = make('p', { class: 'said' });
    const bar = make('progress', { max: 1, value: 0, 'aria-label': name });
    const label = make('p', { class: 'name', text: name, title: name });
    const one = {
      name,
      file,
      said,
      bar,
      label,
      state: 'waiting',
      element: make('div', { class: 'file' }, label, bar, said),
    };
    this.total++;
    this.list.add(one);
    if (file.size > this.server().maxBytes)
      this.wrong(one, `The file is larger than ${size(this.server().maxBytes)}, the limit.`);
    else this.queue(one);
  }

  queue(one) {
    one.state = 'waiting';
    one.label.textContent = one.label.title = one.name;
    this.waiting.push(one);
    this.next();
    this.write();
  }

  next() {
    while (this.running < atOnce && this.waiting.length) this.send(this.waiting.shift());
  }

  /** send uses XMLHttpRequest because fetch does not report upload progress. */
  send(one) {
    this.running++;
    one.state = 'sent';
    one.since = this.now();
    one.said.textContent = 'uploading';
    this.files.append(one.element);
    const request = new XMLHttpRequest();
    request.open('POST', `/api/files?name=${encodeURIComponent(one.name)}${one.replace ? '&replace=yes' : ''}`);
    request.setRequestHeader('X-Bucketocr-Token', this.server().token);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (e) => { if (e.lengthComputable) one.bar.value = e.loaded / e.total; };
    request.onloadend = () => {
      this.running--;
      this.answered(one, request);
      this.next();
    };
    request.send(one.file);
  }

  answered(one, request) {
    if (request.status === 200) {
      one.bar.value = 1;
      one.state = 'uploaded';
      one.said.textContent = 'uploaded';
      this.uploaded++;
      if (one.there) this.remove(one);
      else setTimeout(() => this.list.has(one) && this.late(one), patience);
      this.write();
      return;
    }
    let sentence = 'bucketocr is not responding: is it still running?';
    try { sentence = JSON.parse(request.responseText).error; } catch { /* not the server's own response */ }
    if (request.status === 409 && !one.replace) this.conflict(one, sentence);
    else this.wrong(one, sentence);
  }

  /** seen handles changed documents. */
  seen(news) {
    if (this.list.size === 0) return;
    for (const one of this.list) {
      if (
        (one.state !== 'sent' && one.state !== 'uploaded') ||
        !news.some((d) => d.name === one.name && d.updated >= one.since - 1000)
      )
        continue;
      one.there = true;
      if (one.state === 'uploaded') this.remove(one);
    }
  }

  late(one) {
    one.said.textContent = 'uploaded, but not in the list yet';
    one.element.append(this.closing(one));
  }

  conflict(one, sentence) {
    one.state = 'asked';
    one.said.textContent = sentence;
    if (this.all) { this.answer(one, this.all); return; }
    one.choices = make(
      'div',
      { class: 'choices' },
      ...answers.map(([answer, text]) =>
        make('button', {
          type: 'button',
          text,
          'aria-label': `${text}: ${one.name}`,
          onclick: () => this.answer(one, answer),
        })
      )
    );
    one.element.classList.add('asks');
    one.element.append(one.choices);
    this.write();
    // The focus stays where it is if the keyboard is in use elsewhere.
    const at = document.activeElement;
    if (at === document.body || at === byId('list') || at === byId('add')) one.choices.firstChild.focus();
  }

  answer(one, answer) {
    const focused = one.choices?.contains(document.activeElement);
    one.choices?.remove();
    one.choices = null;
    one.element.classList.remove('asks');
    if (answer === 'skip') this.remove(one);
    else {
      if (answer === 'both') one.name = beside(one.name);
      else one.replace = true;
      this.queue(one);
    }
    if (focused) (this.files.querySelector('.choices button') ?? byId('list')).focus();
  }

  /** answerAll answers the questions about all files in this count, including later ones. */
  answerAll(answer) {
    this.all = answer;
    for (const one of [...this.list]) if (one.state === 'asked') this.answer(one, answer);
    byId('list').focus({ preventScroll: true });
  }

  wrong(one, sentence) {
    one.state = 'refused';
    one.element.classList.add('wrong');
    one.said.textContent = sentence;
    one.bar.remove();
    one.element.append(this.closing(one));
    this.files.append(one.element);
    this.write();
  }

  closing(one) {
    return make(
      'div',
      { class: 'choices' },
      make('button', {
        type: 'button',
        text: 'Close',
        'aria-label': `Close: ${one.name}`,
        onclick: () => this.remove(one),
      })
    );
  }

  remove(one) {
    one.element.remove();
    this.list.delete(one);
    if (this.list.size === 0) this.clear();
    this.write();
  }

  /** write shows a summary if there is more than one file, and offers one answer for all. */
  write() {
    this.tray.hidden = this.list.size === 0;
    if (this.tray.hidden) return;
    const of = (state) => [...this.list].filter((one) => one.state === state).length;
    const [asked, refused] = [of('asked'), of('refused')];
    const parts = [`${this.uploaded.toLocaleString('en')} of ${this.total.toLocaleString('en')} uploaded`];
    if (asked) parts.push(asked === 1 ? '1 needs an answer' : `${asked.toLocaleString('en')} need an answer`);
    if (refused) parts.push(`${refused.toLocaleString('en')} refused`);
    settle(
      this.head,
      make('p', { class: 'total', role: 'status', text: parts.join(', ') }),
      ...(asked > 1
        ? [
            make(
              'div',
              { class: 'choices', role: 'group', 'aria-label': 'For all of them' },
              make('span', { text: 'For all:' }),
              ...answers.map(([answer, text]) =>
                make('button', {
                  type: 'button',
                  'data-act': `all-${answer}`,
                  text,
                  onclick: () => this.answerAll(answer),
                })
              )
            ),
          ]
        : []),
      ...(refused > 1
        ? [
            make(
              'div',
              { class: 'choices', 'data-act': 'closing' },
              make('button', {
                type: 'button',
                'data-act': 'close-all',
                text: 'Close all refused files',
                onclick: () => {
                  for (const one of [...this.list]) if (one.state === 'refused') this.remove(one);
                },
              })
            ),
          ]
        : [])
    );
    this.head.classList.toggle('unseen', this.total === 1); // the file's own line shows it
  }
}

/** beside returns the next name that may be free: "a (2).png" after "a.png". */
function beside(name) {
  const [, stem, number, extension] = /^(.*?)(?: \((\d+)\))?(\.[^./]*)?$/s.exec(name);
  return `${stem} (${Number(number ?? 1) + 1})${extension ?? ''}`;
}
