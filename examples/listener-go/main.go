// Command listener-go handles results of bucketocr, done or failed, each once, even across restarts.
//
//	GOOGLE_CLOUD_PROJECT=my-project go run . -seen seen.log
//
// Copy it and put your code into [printer]. FIRESTORE_EMULATOR_HOST is honoured.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"cloud.google.com/go/firestore"
)

func main() {
	database := flag.String("database", firestore.DefaultDatabaseID, "database of the documents")
	collection := flag.String("collection", "ocr_documents", "collection of the documents")
	since := flag.Duration("since", 24*time.Hour, "how far back to start if the file is empty")
	path := flag.String("seen", "seen.log", "file that records handled results")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *database, *collection, *path, *since); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, database, collection, path string, since time.Duration) error {
	client, err := firestore.NewClientWithDatabase(ctx, firestore.DetectProjectID, database)
	if err != nil {
		return fmt.Errorf("%w; %s", err, whatToCheck())
	}
	defer client.Close()
	seen, err := openSeen(path)
	if err != nil {
		return err
	}
	defer seen.Close()
	l := &listener{documents: client.Collection(collection), since: since, seen: seen, handler: printer{},
		renew: time.Tick(renewal)}
	return l.listen(ctx)
}

// printer is the place for your code.
type printer struct{}

// Done receives a text. It is called again for the same result only if the process died before recording it, so it
// should be idempotent.
func (printer) Done(_ context.Context, _ string, d Document, text string) error {
	_, err := fmt.Printf("done %s %d: %d bytes, %d pages, warnings %v\n", d.Name, d.Generation, len(text), d.Pages,
		d.Warnings)
	return err
}

// Failed receives a failure. If an operator retries the document, another result follows, done or failed.
func (printer) Failed(_ context.Context, _ string, d Document) error {
	_, err := fmt.Printf("failed %s %d: %s\n", d.Name, d.Generation, d.Error.Code)
	return err
}

// Gone receives the ID of a document that was erased, with its object or by an operator: discard earlier results.
func (printer) Gone(_ context.Context, id string) error {
	_, err := fmt.Printf("gone %s\n", id)
	return err
}
