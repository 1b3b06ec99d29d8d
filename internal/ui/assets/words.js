// Words for documents, numbers and times.

export const rereadingWords = {
  waiting: 'Waiting to be read again',
  now: 'Being read again',
  failed: 'Could not be read again',
};
export const statuses = {
  processing: 'Reading',
  retrying: 'Waiting',
  done: 'Done',
  failed: 'Failed',
  deleted: 'Deleted',
};

/** ago formats an age in one unit: "8 s", "3 min", "5 h", "12 d". */
export function ago(milliseconds) {
  const s = Math.max(0, Math.floor(milliseconds / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

export const moment = (ms) => (ms ? new Date(ms).toLocaleString() : '');

/** seconds formats a duration. */
export function seconds(ms) {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ago(ms);
}

/** nameParts splits a name into its folder and the rest. Control characters are made visible. */
export function nameParts(name) {
  const shown = name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
  const cut = shown.lastIndexOf('/') + 1;
  return [shown.slice(0, cut), shown.slice(cut)];
}

/** fold returns a name or word without differences of case, accents and Unicode form. */
export const fold = (s) => s.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** sortKey returns the sort key of a folded name: letter-9 comes before letter-10. */
export const sortKey = (folded) => folded.replace(/\d+/g, (digits) => digits.padStart(12, '0'));

/** pagesOf formats a document's progress in pages. */
export function pagesOf(d) {
  if (d.status === 'done' && d.pagesDone < d.pages)
    return `first ${d.pagesDone.toLocaleString('en')} of ${count(d.pages, 'page')}`;
  if (d.status === 'done') return d.blank ? 'blank' : count(d.pages, 'page');
  if (d.pages > 1) return `${d.pagesDone} of ${d.pages}`;
  return '';
}

const settings = [
  [/\bMEMORY_BUDGET\b|memory/, 'MEMORY_BUDGET'],
  [/more pages/, 'MAX_PAGES'],
  [/^the page has|pixels/i, 'MAX_PIXELS'],
  [/larger than the limit|bytes/, 'MAX_BYTES'],
];

/** failureOf returns what happened and what to do, in two sentences. The table of codes mentions all limits; the
 * message tells which. */
export function failureOf(d, codes) {
  const { says, do: help } = codes[d.code] ?? { says: d.code, do: '' };
  const setting = d.code === 'too_large' && settings.find(([pattern]) => pattern.test(d.message ?? ''))?.[1];
  if (!setting) return { says, help, message: d.message };
  const message = d.message.charAt(0).toUpperCase() + d.message.slice(1);
  return {
    says: `${message}.`,
    help: `Make it smaller and add it again, or have the operator raise the limit ${setting}.`,
    message: '',
  };
}

// Codes for which retrying never helps, and codes for which another file may.
const hopeless = new Set(['encrypted', 'empty', 'object_gone']);
const another = new Set([
  'encrypted',
  'empty',
  'object_gone',
  'corrupt',
  'too_large',
  'unsupported_media',
  'ocr_rejected',
]);

/** helps returns what to offer for a failed document: {retry: 'first', 'second' or '', add: whether another file may
 * help}. */
export function helps(d, codes) {
  return { retry: hopeless.has(d.code) ? '' : codes[d.code]?.final ? 'second' : 'first', add: another.has(d.code) };
}

/** retryable reports whether a document can be read again. */
export const retryable = (d, codes) =>
  (d.status === 'failed' && helps(d, codes).retry !== '') ||
  d.status === 'retrying' ||
  (d.status === 'done' && Boolean(d.warnings) && d.rereading !== 'now' && d.rereading !== 'waiting');

const late = 600_000; // milliseconds after which a due document counts as late

/** noteOf returns a document's note: what it waits for or why it failed. */
export function noteOf(d, codes, now, idle) {
  const why = d.code ? (codes[d.code]?.says ?? d.code) : '';
  switch (d.status) {
    case 'failed':
      return why;
    case 'retrying': {
      const wait = d.due - now;
      const when = idle
        ? 'queued'
        : wait > 1500
          ? `retrying in ${ago(wait + 999)}`
          : wait > -late
            ? 'retrying soon'
            : `due ${ago(-wait)} ago but not retried yet`;
      return why ? `${why.replace(/\.$/, '')}; ${when}` : when;
    }
    case 'processing':
      return d.due && now - d.due > late
        ? `no sign of life for ${ago(now - d.due)}`
        : d.attempt > 1
          ? `attempt ${d.attempt}`
          : '';
    case 'done':
      return rereadingWords[d.rereading]?.toLowerCase() ?? '';
    default:
      return '';
  }
}
