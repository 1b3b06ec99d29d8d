// Reads formulas for formulas.js, as a worker: one that takes too long can be ended, and no document is in its reach. Each
// message is {tex, display}; the answer is MathML as a tree, where an element is [name, attributes, children] and a text a
// string, or null if the formula cannot be read.

const longest = 4000; // characters of TeX
const deepest = 100; // elements within each other
const most = 5000; // elements of one formula

// A formula that is read off an image defines nothing. Definitions are what lets a short formula grow without end.
const definition = /\\(?:[gex]?def|let|futurelet|(?:re)?newcommand|providecommand)(?![A-Za-z@])/;

// What Temml does not know is an error, and nothing in a formula may load, link or grow.
const options = { throwOnError: true, trust: false, maxSize: [50, 50], maxExpand: 300 };

const policy = self.trustedTypes?.createPolicy('formulas', { createScriptURL: () => 'temml/temml.min.js' });
importScripts(policy ? policy.createScriptURL('') : 'temml/temml.min.js');

onmessage = ({ data }) => postMessage(read(data));

function read({ tex, display }) {
  if (tex.length > longest || definition.test(tex)) return null;
  try {
    const left = { elements: most };
    const trees = plain(temml.__renderToMathMLTree(tex, { ...options, displayMode: display }), left, 0);
    return trees.length === 1 ? trees[0] : null;
  } catch {
    return null; // not TeX, too deep for the stack, or too large
  }
}

/** plain makes a list of trees of a node of Temml's: a text, an element of MathML or a mere list of nodes. Temml knows links, pictures
 * and elements of HTML, too; there is no way for them here. */
function plain(node, left, depth) {
  if (node.text !== undefined) return [node.text];
  if (depth > deepest || --left.elements < 0) throw new RangeError('the formula is too large');
  const children = node.children.flatMap((child) => plain(child, left, depth + 1));
  if (Object.keys(node).join() === 'children,classes,style') return children;
  if (node.type === undefined) throw new TypeError('this is not MathML');
  return [[node.type, { ...node.attributes, class: node.classes.filter(Boolean).join(' ') }, children]];
}
