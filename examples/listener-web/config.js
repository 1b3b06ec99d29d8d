// Where the documents are. apiKey and projectId stand in the Firebase console, under your web app's settings.
export const app = { projectId: 'my-project', apiKey: 'my-api-key' };
export const collectionName = 'ocr_documents';

// The rules that come with bucketocr let signed-in users read: sign in with firebase/auth here, before the listening begins.
export async function signIn() {}

// 'host:port' of Firestore's emulator, or nothing.
export const emulator = '';
