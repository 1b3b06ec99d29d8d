// Command listener-go reacts to documents of bucketocr that are done or failed, each result once, across restarts.
//
//	GOOGLE_CLOUD_PROJECT=my-project go run . -seen seen.log
//
// Copy it and put your own work into [handler]. FIRESTORE_EMULATOR_HOST is honoured.
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
	collection := flag.String("collection", "ocr_documents", "collection of the documents")
	since := flag.Duration("since", 24*time.Hour, "how far back to begin where the file remembers nothing")
	path := flag.String("seen", "seen.log", "file that remembers what was handled")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *collection, *path, *since); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, collection, path string, since time.Duration) error {
	client, err := firestore.NewClient(ctx, firestore.DetectProjectID)
	if err != nil {
		return err
	}
	defer client.Close()
	seen, err := openSeen(path)
	if err != nil {
		return err
	}
	defer seen.Close()
	l := &listener{documents: client.Collection(collection), since: since, seen: seen, handler: printer{}}
	return l.listen(ctx)
}

// printer is where your own work goes.
type printer struct{}

// Done gets a text. It is called again for the same result only where the process died before that was remembered: make
// it so that twice does no harm.
func (printer) Done(_ context.Context, _ string, d Document, text string) error {
	_, err := fmt.Printf("done %s %d: %d bytes, %d pages, warnings %v\n", d.Name, d.Generation, len(text), d.Pages,
		d.Warnings)
	return err
}

// Failed gets what failed. An operator may have it tried again: then it comes once more, as done or as failed.
func (printer) Failed(_ context.Context, _ string, d Document) error {
	_, err := fmt.Printf("failed %s %d: %s\n", d.Name, d.Generation, d.Error.Code)
	return err
}

// Gone gets what a listener made of earlier should be forgotten: the object was deleted, and its document erased.
func (printer) Gone(_ context.Context, id string) error {
	_, err := fmt.Printf("gone %s\n", id)
	return err
}
