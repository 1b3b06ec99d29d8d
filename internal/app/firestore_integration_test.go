//go:build integration

package app_test

import (
	"os"
	"testing"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/internal/page"
)

func TestMain(m *testing.M) {
	page.ServeIfDecoder()
	os.Exit(gcptest.Main(m))
}

// TestHandlerOverFirestore: the handler works with records in Firestore's emulator as with those in memory.
func TestHandlerOverFirestore(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, o apptest.Options){
		"EventBecomesDocument": testEventBecomesDocument,
		"HostileNames":         testHostileNames,
		"SameBytes":            testSameBytes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, apptest.Options{Firestore: true})
		})
	}
	t.Run("LostEventsAreFound", func(t *testing.T) {
		t.Parallel()
		testLostEventsAreFound(t, apptest.Options{Firestore: true}, 400)
	})
}
