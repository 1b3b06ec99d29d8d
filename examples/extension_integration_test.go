//go:build integration

package examples

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// extensionClient asks as clients of storage-extract-image-text do, with the name of the collection alone changed.
const extensionClient = `
import { initializeApp } from 'firebase/app';
import { collection, connectFirestoreEmulator, getDocs, getFirestore, onSnapshot, query, where } from 'firebase/firestore';
const [host, port] = process.env.EMULATOR.split(':');
const db = getFirestore(initializeApp({ projectId: process.env.PROJECT, apiKey: 'none' }));
connectFirestoreEmulator(db, host, Number(port));
const ask = (file) => query(collection(db, 'ocr_documents'), where('file', '==', file));
const found = await getDocs(ask('gs://scans/menus/día 7.png'));
console.log(found.size, found.docs[0]?.data().text);
console.log((await getDocs(ask('menus/día 7.png'))).size);
onSnapshot(ask('gs://scans/menus/día 7.png'), (s) => { console.log(s.docs.map((d) => d.data().text).join()); process.exit(0); });`

// TestClientOfTheExtensionFindsTheText: the query that docs/migrate-from-extension.md has for them.
func TestClientOfTheExtensionFindsTheText(t *testing.T) {
	if _, err := os.Stat("listener-web/node_modules/firebase"); err != nil {
		t.Fatal("no Firebase SDK: run `npm ci --prefix examples/listener-web`")
	}
	s := newStage(t)
	s.put(object("menus/día 7.png", 1), document.StatusDone, text("Soup of the day"))
	s.put(object("menus/día 8.png", 1), document.StatusDone, text("Fish"))
	cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", extensionClient)
	cmd.Dir, cmd.Env = "listener-web", append(os.Environ(), "EMULATOR="+s.host, "PROJECT="+s.project)
	out, err := cmd.Output()
	if got, want := strings.TrimSpace(string(out)), "1 Soup of the day\n0\nSoup of the day"; got != want || err != nil {
		t.Errorf("got %q, want %q, %v", got, want, err)
	}
}
