// Parses formulas for formulas.js in a worker, which can be terminated if it takes too long, and has no access to the
// document. Each message is {tex, display}; the reply is MathML as a tree, in which an element is [name, attributes,
// children] and a text is a string, or null if the formula cannot be parsed.

const longest = 4000; // characters of TeX
const deepest = 100; // nesting of elements
const most = 5000; // elements of one formula

// Definitions could make a short formula grow without limit, and a formula read from an image needs none.
const definition = /\\(?:[gex]?def|let|futurelet|(?:re)?newcommand|providecommand)(?![A-Za-z@])/;

// Unknown commands are errors, and nothing in a formula may load, link or grow.
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

/** plain converts a node of Temml's, which is a text, a MathML element or a list of nodes, to a list of trees. It
 * supports none of Temml's links, pictures and HTML elements. */
function plain(node, left, depth) {
  if (node.text !== undefined) return [node.text];
  if (depth > deepest || --left.elements < 0) throw new RangeError('the formula is too large');
  const children = node.children.flatMap((child) => plain(child, left, depth + 1));
  if (Object.keys(node).join() === 'children,classes,style') return children;
  if (node.type === undefined) throw new TypeError('not MathML');
  return [[node.type, { ...node.attributes, class: node.classes.filter(Boolean).join(' ') }, children]];
}
