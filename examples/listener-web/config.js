// Where the documents are. apiKey and projectId stand in the Firebase console, under your web app's settings.
export const app = { projectId: 'my-project', apiKey: 'my-api-key' };
export const collectionName = 'ocr_documents';

// How far back to begin where this browser remembers nothing.
export const since = new Date(Date.now() - 24 * 3600 * 1000);

// The rules that come with bucketocr let signed-in users read, if you open them: sign in with firebase/auth here, before the listening
// begins. The answer is the user's id.
export async function signIn() {}

// true where the rules open to each user their own documents alone (OWNER_PATTERN). Firestore then needs an index:
// gcloud firestore indexes composite create --collection-group=ocr_documents --field-config=field-path=owner,order=ascending --field-config=field-path=finished,order=ascending
export const ownDocuments = false;

// 'host:port' of Firestore's emulator, or nothing.
export const emulator = '';
