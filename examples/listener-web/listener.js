// Handles results of bucketocr, done or failed, each once, even if the page is reloaded.

import { collection, getDocsFromServer, onSnapshot, orderBy, query, Timestamp, where } from 'firebase/firestore';

/**
 * listen delivers each result to the handler once: done(id, document, text), failed(id, document), gone(id). It records
 * handled results in memory, an object like localStorage. The handler may return a promise; a result counts as handled
 * when that is fulfilled, and is delivered again only if the page is closed before. If the handler fails, problem
 * receives the error, like any other, and listening ends: the result is delivered again at the next start. listen
 * returns a function that ends the listening.
 *
 * While Firestore cannot be reached, the SDK keeps trying and reports no error. connected(true) is called when the
 * results are known to be Firestore's current ones, and connected(false) when the connection is lost.
 *
 * It starts shortly before the last handled result, or at since (a Date) if none is recorded; each project, database,
 * collection and owner has its own. Deleted objects are noticed for a week, as long as their markers exist, if their
 * results are still recorded: beyond 10,000, or if the memory is full, the oldest are dropped. If owner, a user's ID, is
 * set, it queries only that user's documents, as the rules for owners require; Firestore then needs an index on owner
 * and finished.
 *
 * The SDK keeps all results since the start in memory: in a page that stays open for days, end the listening and start
 * it again once a day.
 */
export function listen({ database, name, owner, since, memory, handler, connected = () => {}, problem }) {
  const documents = collection(database, name);
  const log = new Log(memory, [...placeOf(database), name, owner ?? '']);
  const own = owner ? [where('owner', '==', owner)] : [];
  let turn = Promise.resolve(); // handles changes one after the other, in order
  let over = false;
  const current = [false, false]; // whether a query's results come from the server
  let live = false;
  const end = (error) => {
    if (!over && error) problem(error);
    over = true;
    for (const stop of stops) stop();
  };
  const stops = [
    query(documents, ...own, where('finished', '>=', beginning(log, since)), orderBy('finished')),
    query(documents, ...own, where('status', '==', 'deleted')),
  ].map((q, i) => onSnapshot(q, { includeMetadataChanges: true }, (snapshot) => {
    current[i] = !snapshot.metadata.fromCache;
    if (live !== current.every(Boolean)) {
      live = !live;
      connected(live);
    }
    for (const change of inOrder(snapshot.docChanges())) {
      // A document that leaves the results is being read again, or its marker has expired: it is not deleted.
      if (change.type !== 'removed') turn = turn.then(() => over || react(change.doc, log, handler)).catch(end);
    }
  }, end));
  return () => end();
}

/**
 * inOrder returns changes in the order in which their results were finished. The SDK sends new documents before modified
 * ones, whatever their times: if the listening ended in between, the next start would be after results that were not
 * handled yet.
 */
function inOrder(changes) {
  const finished = ({ doc }) => doc.get('finished')?.toMillis() ?? 0; // a marker has none
  return [...changes].sort((a, b) => finished(a) - finished(b));
}

/** overlap, in seconds: results need not arrive in the order of their times. */
const overlap = 600;

/** placeOf returns the names of a database and its project. */
function placeOf(database) {
  const { projectId, database: name } = database.toJSON().databaseId;
  return [projectId, name];
}

const prefix = 'bucketocr ';

/** most results of one place are recorded after a start. */
const most = 10_000;

/** Log records the last result of each document of one place, as 'generation@time', in a memory that it shares. */
class Log {
  constructor(memory, place) {
    this.memory = memory;
    this.prefix = `${prefix}${place.map(encodeURIComponent).join('/')} `;
    const recorded = this.recorded(this.prefix);
    this.last = recorded.at(-1)?.seconds; // when the last result was finished, if there is one
    // Those within the overlap would be delivered again.
    this.drop(recorded.slice(0, -most).filter((r) => r.seconds < this.last - overlap));
  }

  get(id) { return this.memory.getItem(this.prefix + id); }

  remove(id) { this.memory.removeItem(this.prefix + id); }

  /** set records a result. If the memory is full, it drops the oldest tenth, whatever their place. */
  set(id, key) {
    for (;;) {
      try {
        this.memory.setItem(this.prefix + id, key);
        return;
      } catch (error) {
        const recorded = this.recorded(prefix);
        if (error.name !== 'QuotaExceededError' || recorded.length === 0) throw error;
        this.drop(recorded.slice(0, Math.ceil(recorded.length / 10)));
      }
    }
  }

  /** recorded returns the results whose names begin with a prefix, oldest first: {name, seconds}. */
  recorded(prefix) {
    return Object.keys(this.memory)
      .filter((name) => name.startsWith(prefix))
      .map((name) => ({ name, seconds: Number(this.memory.getItem(name).split('@')[1]?.split('.')[0]) }))
      .filter((r) => Number.isFinite(r.seconds))
      .sort((a, b) => a.seconds - b.seconds);
  }

  drop(results) {
    for (const { name } of results) this.memory.removeItem(name);
  }
}

/** beginning returns the time from which to deliver results. */
function beginning({ last }, since) {
  return last === undefined ? Timestamp.fromDate(since) : new Timestamp(last - overlap, 0);
}

async function react(doc, log, handler) {
  const { id } = doc;
  const document = doc.data();
  if (document.status === 'deleted') {
    await once(log, id, 'gone', async () => { await handler.gone(id); });
  } else if (document.status === 'failed') {
    await once(log, id, key(document), async () => { await handler.failed(id, document); });
  } else if (document.status === 'done') {
    await once(log, id, key(document), async () => {
      const text = document.textInPages ? await pagesText(doc.ref, document) : document.text;
      if (text === null) return false;
      await handler.done(id, document, text);
    });
  }
}

/** key returns a string that distinguishes results of a document: another version has another generation, and another try
 * another finish time. */
function key({ generation, finished }) {
  return `${generation}@${finished.seconds}.${finished.nanoseconds}`;
}

/** once handles a result unless it is recorded, and records it afterwards. It returns false if the result was not handled. */
async function once(log, id, key, action) {
  const last = log.get(id);
  if (last === key || (key === 'gone' && last === null)) return;
  if (await action() === false) return;
  if (key === 'gone') log.remove(id);
  else log.set(id, key);
}

/**
 * pagesText reads a text that is too long for its document. It queries by generation, since pages of other generations
 * may exist, and sorts the pages itself, which needs no index. Generations of local runs exceed JavaScript's exact
 * integers; for these it reads all pages and selects them by their rounded generation. Skipped pages are not stored. It
 * returns null if a newer version is replacing the pages: its result will arrive as another change. Without a connection
 * it fails, instead of finding only the pages that happen to be in the SDK's cache.
 */
async function pagesText(reference, { generation, pagesDone }) {
  const all = collection(reference, 'ocr_pages');
  const found = await getDocsFromServer(
    Number.isSafeInteger(generation) ? query(all, where('generation', '==', generation)) : all
  );
  const ours = found.docs.map((d) => d.data()).filter((p) => p.generation === generation);
  if (ours.length < pagesDone) return null;
  return ours.sort((a, b) => a.page - b.page).map((p) => p.text).join('\n\f\n');
}
