// Shows results. Put your code into the handler.

import { initializeApp } from 'firebase/app';
import { connectFirestoreEmulator, getFirestore } from 'firebase/firestore';
import { app, collectionName, emulator, ownDocuments, signIn, since } from './config.js';
import { listen } from './listener.js';

const database = getFirestore(initializeApp(app));
if (emulator) {
  const [host, port] = emulator.split(':');
  connectFirestoreEmulator(database, host, Number(port), { mockUserToken: { sub: 'listener' } });
}

/** show adds a line. The author of the image controls the text, so it is shown as text, never as HTML. */
function show(kind, line) {
  const item = document.createElement('li');
  item.className = kind;
  item.textContent = line;
  document.querySelector('#results').append(item);
}

const handler = {
  done: (id, d, text) =>
    show(
      'done',
      `done ${d.name} ${d.generation}: ${new TextEncoder().encode(text).length} bytes, ${d.pages} pages, warnings [${d.warnings.join(' ')}]`
    ),
  failed: (id, d) => show('failed', `failed ${d.name} ${d.generation}: ${d.error.code}`),
  gone: (id) => show('gone', `gone ${id}`),
};

const state = document.querySelector('#state');
signIn().then((user) => {
  listen({
    database,
    name: collectionName,
    owner: ownDocuments ? user : undefined,
    since,
    memory: localStorage,
    handler,
    problem: (e) => {
      state.textContent = `trouble: ${e.message}`;
    },
  });
  state.textContent = 'listening';
}, (e) => { state.textContent = `not signed in: ${e.message}`; });
