// The connection to the server: server-sent events, with reconnection.

// milliseconds without an event after which the connection counts as dead, whatever the browser thinks
const silent = 25_000;
const hiddenFor = 60_000; // milliseconds after which a hidden page closes its connection

/** Feed calls back: hello(server), records(list), reset(), connection(state, reason, idle). */
export class Feed {
  constructor(callbacks) {
    this.callbacks = callbacks;
    this.last = '';
    this.waits = 0;
    document.addEventListener('visibilitychange', () => this.seen());
    window.addEventListener('online', () => this.open());
    // Browsers keep a page that was left, and with it one of their few connections to a server.
    window.addEventListener('pagehide', () => this.close());
    window.addEventListener('pageshow', (e) => { if (e.persisted) this.open(); });
  }

  open() {
    this.close();
    const source = new EventSource(`/api/events${this.last ? `?last=${encodeURIComponent(this.last)}` : ''}`);
    this.source = source;
    source.addEventListener('hello', (e) => this.hello(JSON.parse(e.data)));
    source.addEventListener('records', (e) => { this.alive(e); this.callbacks.records(JSON.parse(e.data)); });
    source.addEventListener('state', (e) => {
      this.alive(e);
      const { state, reason, idle } = JSON.parse(e.data);
      this.callbacks.connection(state, reason, idle);
    });
    source.addEventListener('beat', (e) => this.alive(e));
    source.onerror = () => this.broken();
    this.listen();
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  hello(server) {
    this.waits = 0;
    this.listen();
    if (!server.again) this.callbacks.reset();
    this.callbacks.hello(server);
  }

  alive(event) {
    this.last = event.lastEventId;
    this.listen();
  }

  listen() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.broken(), silent);
  }

  /** broken reconnects after a while. The browser would too, but not after every kind of error. */
  broken() {
    this.close();
    this.waits = Math.min(this.waits + 1, 5);
    this.callbacks.connection('offline', '');
    this.timer = setTimeout(() => this.open(), 500 * 2 ** this.waits);
  }

  seen() {
    clearTimeout(this.sleep);
    if (document.hidden) this.sleep = setTimeout(() => this.close(), hiddenFor);
    else if (!this.source) this.open();
  }
}

/** ask sends a request and resolves to the JSON of the response. The message of an error is a sentence for the user, and
 * passing is set if a later request may succeed. */
export async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (cause) {
    if (cause.name === 'AbortError') throw cause;
    throw Object.assign(new Error('bucketocr is not responding: is it still running?'), { passing: true });
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok)
    throw Object.assign(new Error(body.error ?? `The server responded with status ${response.status}.`), {
      status: response.status, passing: response.status >= 500,
    });
  return body;
}

/** askNow blocks until the response arrives and returns its JSON; undefined if there is none. */
export function askNow(path) {
  const request = new XMLHttpRequest();
  request.open('GET', path, false);
  try {
    request.send();
    return request.status === 200 ? JSON.parse(request.responseText) : undefined;
  } catch {
    return undefined;
  }
}
