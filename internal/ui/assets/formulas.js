// Formulas: the server sends them verbatim as code. Those that can be parsed become MathML, the others stay as they
// are.

const patience = 5000; // milliseconds for one formula, including the start of the worker; most take one or two
const ahead = 20; // formulas that the worker may have at once
const mostFormulas = 1000; // of one text
const mostElements = 30_000; // of MathML in one text

/** typeset converts the formulas in an element to MathML, one after the other. */
export function typeset(element) {
  const text = { formulas: mostFormulas, elements: mostElements };
  for (const code of element.querySelectorAll('code.formula')) {
    if (code.dataset.tex !== undefined && text.formulas-- > 0) reader.queue.push({ code, text });
    else leave(code);
  }
  reader.next();
}

/** leave marks a formula as shown verbatim. */
function leave(code) {
  code.classList.add('unread');
  code.title = 'This formula could not be parsed; this is its source.';
}

// The worker's address is the only script URL allowed.
const script = 'formulaworker.js';
const policy = window.trustedTypes?.createPolicy('formulas', { createScriptURL: () => script });

/** Reader sends formulas to a worker, a few ahead of the answers, so that the worker goes on while the page is laid out.
 * It starts the worker for the first formula, and again after one that took too long. */
class Reader {
  constructor() {
    this.queue = []; // {code, text}, in the order of the text
    this.sent = []; // those that the worker has, in the order in which it answers
    this.waiting = []; // callbacks for the end of the queue
  }

  next() {
    while (this.sent.length < ahead && this.queue.length) {
      const one = this.queue.shift();
      if (one.code.isConnected) this.send(one); // otherwise its text has been replaced
    }
    if (!this.sent.length) for (const ready of this.waiting.splice(0)) ready();
  }

  send(one) {
    this.sent.push(one);
    try {
      this.worker ??= this.start();
    } catch {
      this.fail();
      return;
    }
    if (this.sent.length === 1) this.startTimer();
    this.worker.postMessage({ tex: one.code.dataset.tex, display: one.code.dataset.display === 'block' });
  }

  start() {
    const worker = new Worker(policy ? policy.createScriptURL('') : script);
    worker.onmessage = ({ data }) => { if (worker === this.worker) this.answered(data); }; // not one that was terminated
    worker.onerror = () => this.fail();
    return worker;
  }

  /** startTimer gives the first of those sent its time. */
  startTimer() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.giveUp(), patience);
  }

  /** giveUp leaves the formula that takes too long; those behind it are sent again. */
  giveUp() {
    this.end();
    leave(this.sent.shift().code);
    this.queue.unshift(...this.sent.splice(0));
    this.next();
  }

  end() {
    clearTimeout(this.timer);
    this.worker?.terminate();
    this.worker = null;
  }

  answered(tree) {
    show(this.sent.shift(), tree);
    if (this.sent.length) this.startTimer();
    else clearTimeout(this.timer);
    this.next();
  }

  /** fail leaves all formulas, because the worker cannot be started. */
  fail() {
    this.end();
    for (const { code } of [...this.sent.splice(0), ...this.queue.splice(0)]) leave(code);
    this.next();
  }
}

const reader = new Reader();

/** typesetAll returns a promise that is fulfilled when every formula is either MathML or left verbatim. */
export const typesetAll = () => new Promise((ready) => { reader.waiting.push(ready); reader.next(); });

// The MathML elements and attributes allowed in the page: those for content and layout. Links, annotations, HTML within
// formulas and styles are not.
const elements = new Set(
  (
    'math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle mpadded mphantom menclose msub msup msubsup ' +
    'munder mover munderover mmultiscripts mprescripts mtable mtr mtd'
  ).split(' ')
);
const attributes = new Set(
  (
    'accent accentunder columnalign columnspan depth display displaystyle fence form height largeop linethickness ' +
    'lspace mathvariant maxsize minsize movablelimits rowspan rspace scriptlevel separator stretchy symmetric ' +
    'voffset width class'
  ).split(' ')
);
const className = /^[a-z0-9 -]{1,60}$/;

/** show replaces a formula with MathML. */
function show({ code, text }, tree) {
  const math = tree && tree[0] === 'math' && build(tree, text);
  if (math) code.replaceWith(math);
  else leave(code);
}

/** build creates the elements of a tree, or returns null if it contains anything that is not allowed. */
function build(tree, text) {
  if (typeof tree === 'string') return document.createTextNode(tree);
  const [name, named, children] = tree;
  if (!elements.has(name) || --text.elements < 0) return null;
  const element = document.createElementNS('http://www.w3.org/1998/Math/MathML', name);
  for (const [key, value] of Object.entries(named)) {
    if (attributes.has(key) && (key !== 'class' || className.test(value))) element.setAttribute(key, value);
  }
  for (const child of children) {
    const built = build(child, text);
    if (!built) return null;
    element.append(built);
  }
  return element;
}
