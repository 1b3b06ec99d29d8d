// Copy this file to config.js. As it is, it uses the emulator of the README.

// The project of the documents. apiKey and projectId are in the Firebase console, in your web app's settings. Projects
// named demo-… exist only in the emulator.
export const app = { projectId: 'demo-bucketocr', apiKey: 'none' };
export const databaseName = '(default)';
export const collectionName = 'ocr_documents';

// 'host:port' of Firestore's emulator, or empty to use the project.
export const emulator = '127.0.0.1:8081';

// How far back to start if this browser has recorded nothing.
export const since = new Date(Date.now() - 24 * 3600 * 1000);

// bucketocr's rules can allow signed-in users to read: sign in here, before listening starts, and return the user's ID.
// For instance, with the imports at the top of the file:
//   import { initializeApp } from 'firebase/app';
//   import { getAuth, signInWithEmailAndPassword } from 'firebase/auth';
//   const { user } = await signInWithEmailAndPassword(getAuth(initializeApp(app)), EMAIL, PASSWORD);
//   return user.uid;
export async function signIn() {}

// true if the rules allow users to read only their own documents (OWNER_PATTERN). Firestore then needs an index:
// gcloud firestore indexes composite create --collection-group=ocr_documents
// --field-config=field-path=owner,order=ascending --field-config=field-path=finished,order=ascending
export const ownDocuments = false;
