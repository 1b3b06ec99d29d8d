// Reacts to documents of bucketocr that are done or failed, each result once, also when the page is loaded again.

import { collection, getDocs, onSnapshot, query, where } from 'firebase/firestore';

/**
 * listen hands each result to the handler once: done(document, text), failed(document), gone(id). What was handled is kept in
 * memory, an object like localStorage. The handler may return a promise; a result counts as handled when that is kept. It
 * comes again only where the page was closed before. problem gets errors. The answer ends the listening.
 */
export function listen({ database, name, memory, handler, problem }) {
  let first = true;
  let turn = Promise.resolve(); // one change after the other, in their order
  return onSnapshot(collection(database, name), (snapshot) => {
    if (snapshot.metadata.fromCache) return; // an answer of the server's follows
    const changes = snapshot.docChanges();
    const missing = first ? vanished(memory, snapshot) : [];
    first = false;
    turn = turn.then(async () => {
      for (const change of changes) await react(change, memory, handler);
      for (const id of missing) await once(memory, id, 'gone', () => handler.gone(id));
    }).catch(problem);
  }, problem);
}

const prefix = 'bucketocr ';

/** vanished are the ids of which something was handled and whose documents are no longer there. */
function vanished(memory, snapshot) {
  const there = new Set(snapshot.docs.map((d) => d.id));
  return Object.keys(memory).filter((k) => k.startsWith(prefix)).map((k) => k.slice(prefix.length)).filter((id) => !there.has(id));
}

async function react(change, memory, handler) {
  const { id } = change.doc;
  const document = change.doc.data();
  if (change.type === 'removed' || document.status === 'deleted') {
    await once(memory, id, 'gone', () => handler.gone(id));
  } else if (document.status === 'failed') {
    await once(memory, id, key(document), () => handler.failed(document));
  } else if (document.status === 'done') {
    await once(memory, id, key(document), async () => {
      const text = document.textInPages ? await pagesText(change.doc.ref, document) : document.text;
      return text === null ? false : handler.done(document, text);
    });
  } // unfinished ones are of no interest: their end comes as a change too
}

/** key tells a result from every other of its document: another version has another generation, another try another end. */
function key({ generation, finished }) {
  return `${generation}@${finished.seconds}.${finished.nanoseconds}`;
}

/** once does what was not done for this result, and remembers it only then. false means that it is not handled. */
async function once(memory, id, key, action) {
  const last = memory.getItem(prefix + id);
  if (last === key || (key === 'gone' && last === null)) return;
  if (await action() === false) return;
  if (key === 'gone') memory.removeItem(prefix + id);
  else memory.setItem(prefix + id, key);
}

/**
 * pagesText reads a text that is too long for its document. Pages of other generations may still lie there, so they are asked
 * for by generation; sorted they are here, which needs no index. Generations of a local run are greater than what JavaScript
 * counts exactly, so then all pages are read and picked here, both sides rounded in the same way. null means that a newer
 * version is taking their place: its end comes as a change of its own.
 */
async function pagesText(reference, { generation, pages }) {
  const all = collection(reference, 'ocr_pages');
  const found = await getDocs(Number.isSafeInteger(generation) ? query(all, where('generation', '==', generation)) : all);
  const ours = found.docs.map((d) => d.data()).filter((p) => p.generation === generation);
  if (ours.length < pages) return null;
  return ours.sort((a, b) => a.page - b.page).map((p) => p.text).join('\n\f\n');
}
