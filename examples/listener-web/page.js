// Shows results. Put your code into the handler.

import { initializeApp } from 'firebase/app';
import { connectFirestoreEmulator, getFirestore } from 'firebase/firestore';
import { app, collectionName, databaseName, emulator, ownDocuments, signIn, since } from './config.js';
import { listen } from './listener.js';

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

const whatToCheck = emulator
  ? `No answer from the emulator at ${emulator}: is it running? To use a real project, clear emulator in config.js.`
  : 'No answer from Firestore: check the network, and projectId, apiKey and databaseName in config.js. See the browser console for the reason.';

let later;

/** say shows a state, and adds a hint if it lasts for 10 s. */
function say(state, hint) {
  clearTimeout(later);
  document.querySelector('#state').textContent = state;
  if (hint) later = setTimeout(() => say(`${state}. ${hint}`), 10_000);
}

/** inWords says what to do about an error. That of a missing index says it itself. */
function inWords({ code, message }) {
  if (code !== 'permission-denied') return message;
  return 'Firestore denies access. Sign in with signIn in config.js, and let your users read in firestore.rules.';
}

function start(user) {
  const database = getFirestore(initializeApp(app), databaseName);
  if (emulator) {
    const [host, port] = emulator.split(':');
    connectFirestoreEmulator(database, host, Number(port), { mockUserToken: { sub: 'listener' } });
  }
  say('connecting', whatToCheck);
  listen({
    database,
    name: collectionName,
    owner: ownDocuments ? user : undefined,
    since,
    memory: localStorage,
    handler,
    connected: (live) =>
      live ? say(`live: ${collectionName} of ${app.projectId}`) : say('connection lost, reconnecting', whatToCheck),
    problem: (e) => say(`stopped: ${inWords(e)}`),
  });
}

if (!emulator && app.projectId.startsWith('demo-')) {
  say('not configured: set projectId and apiKey in config.js');
} else {
  signIn()
    .then(start, (e) => say(`not signed in: ${e.message}`))
    .catch((e) => say(`stopped: ${e.message}`));
}
