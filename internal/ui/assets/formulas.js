// Formulas: the server sends them verbatim as code. Those that can be parsed become MathML, the others stay as they
// are.

const patience = 5000; // milliseconds for one formula, including the start of the worker; most take one or two
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

/** Reader sends formulas to a worker, one at a time. It starts the worker for the first one, and again after one that
 * took too long. */
class Reader {
  constructor() {
    this.queue = []; // {code, text}
    this.current = null;
    this.waiting = []; // callbacks for the end of the queue
  }

  next() {
    while (!this.current && this.queue.length) {
      const one = this.queue.shift();
      if (one.code.isConnected) this.send(one); // otherwise its text has been replaced
    }
    if (!this.current) for (const ready of this.waiting.splice(0)) ready();
  }

  send(one) {
    this.current = one;
    try {
      this.worker ??= this.start();
    } catch {
      this.fail();
      return;
    }
    this.timer = setTimeout(() => { this.end(); this.answered(null); }, patience);
    this.worker.postMessage({ tex: one.code.dataset.tex, display: one.code.dataset.display === 'block' });
  }

  start() {
    const worker = new Worker(policy ? policy.createScriptURL('') : script);
    worker.onmessage = ({ data }) => this.answered(data);
    worker.onerror = () => this.fail();
    return worker;
  }

  end() {
    this.worker?.terminate();
    this.worker = null;
  }

  answered(tree) {
    clearTimeout(this.timer);
    show(this.current, tree);
    this.current = null;
    this.next();
  }

  /** fail leaves all queued formulas, because the worker cannot be started. */
  fail() {
    this.end();
    clearTimeout(this.timer);
    for (const one of [this.current, ...this.queue.splice(0)]) if (one) leave(one.code);
    this.current = null;
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
