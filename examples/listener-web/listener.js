// Reacts to documents of bucketocr that are done or failed, each result once, also when the page is loaded again.

import { collection, getDocs, onSnapshot, orderBy, query, Timestamp, where } from 'firebase/firestore';

/**
 * listen hands each result to the handler once: done(id, document, text), failed(id, document), gone(id). What was handled is kept in
 * memory, an object like localStorage. The handler may return a promise; a result counts as handled when that is kept. It
 * comes again only where the page was closed before. Where the handler fails, problem gets the error, as any other, and the
 * listening ends: the result comes again at the next start. The answer ends the listening, too.
 *
 * A start begins shortly before the last result that was handled, or since (a Date) where nothing is remembered. Of objects that were
 * deleted it learns for a week, which is how long their markers stay. owner, a user's id, has it ask for that user's documents alone,
 * as the rules for owners want it; Firestore then needs an index of owner and finished.
 */
export function listen({ database, name, owner, since, memory, handler, problem }) {
  const documents = collection(database, name);
  const own = owner ? [where('owner', '==', owner)] : [];
  let turn = Promise.resolve(); // one change after the other, in their order
  let over = false;
  const end = (error) => {
    if (!over && error) problem(error);
    over = true;
    for (const stop of stops) stop();
  };
  const stops = [
    query(documents, ...own, where('finished', '>=', beginning(memory, since)), orderBy('finished')),
    query(documents, ...own, where('status', '==', 'deleted')),
  ].map((q) => onSnapshot(q, (snapshot) => {
    for (const change of snapshot.docChanges()) {
      // What leaves the answer is read again, or its marker is gone: neither is the end of the object.
      if (change.type !== 'removed') turn = turn.then(() => over || react(change.doc, memory, handler)).catch(end);
    }
  }, end));
  return () => end();
}

const prefix = 'bucketocr ';

/** overlap: results that ended at the same time need not arrive in the order of their times. In seconds. */
const overlap = 600;

/** beginning is when the documents ended of which to hear. */
function beginning(memory, since) {
  const seconds = Object.keys(memory).filter((k) => k.startsWith(prefix)).map((k) => Number(memory.getItem(k).split('@')[1]?.split('.')[0]));
  const last = Math.max(...seconds.filter(Number.isFinite));
  return Number.isFinite(last) ? new Timestamp(last - overlap, 0) : Timestamp.fromDate(since);
}

async function react(doc, memory, handler) {
  const { id } = doc;
  const document = doc.data();
  if (document.status === 'deleted') {
    await once(memory, id, 'gone', () => handler.gone(id));
  } else if (document.status === 'failed') {
    await once(memory, id, key(document), () => handler.failed(id, document));
  } else if (document.status === 'done') {
    await once(memory, id, key(document), async () => {
      const text = document.textInPages ? await pagesText(doc.ref, document) : document.text;
      return text === null ? false : handler.done(id, document, text);
    });
  }
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
