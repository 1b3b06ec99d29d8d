package main

import (
	"context"
	"testing"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestFollowEndsWithItsContext: a listener that was stopped asks no more, also where nothing answers.
func TestFollowEndsWithItsContext(t *testing.T) {
	t.Setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
	client, err := firestore.NewClient(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := follow(ctx, client.Collection("c").Query, func() {}, nil); status.Code(err) != codes.Canceled {
		t.Error(err)
	}
}
