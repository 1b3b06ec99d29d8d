package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

// bare makes only the remote calls of an event, one after another: it reads the object and discards it, sends as many
// bytes as its page has in base64, and writes documents. Any further time of an event is the function's own.
type bare struct {
	r         *run
	client    *http.Client
	documents pb.FirestoreClient
	conn      *grpc.ClientConn
}

func (r *run) newBare() (*bare, error) {
	conn, err := grpc.NewClient("passthrough:///"+r.world.Firestore,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &bare{r: r, client: &http.Client{Transport: &http.Transport{}}, documents: pb.NewFirestoreClient(conn),
		conn: conn}, nil
}

func (b *bare) stop() { b.conn.Close(); b.client.CloseIdleConnections() }

// calls makes the remote calls and returns the time that they took, less the waits of the stand-ins. body is sent to
// the OCR service.
func (b *bare) calls(file string, body []byte, commits int) (time.Duration, error) {
	waited, start := b.r.world.Waited(), time.Now()
	name := b.r.name(file)
	if err := b.exchange(http.MethodGet, "http://"+b.r.world.Storage+"/storage/v1/b/"+standin.Bucket+"/o/"+
		url.PathEscape(name)+"?alt=media", nil); err != nil {
		return 0, err
	}
	for n := range commits {
		if n == commits-1 {
			if err := b.exchange(http.MethodPost, "http://"+b.r.world.OCR+"/v1/chat/completions", body); err != nil {
				return 0, err
			}
		}
		if err := b.commit(name, n > 0); err != nil {
			return 0, err
		}
	}
	return time.Since(start) - (b.r.world.Waited() - waited), nil
}

func (b *bare) exchange(method, address string, body []byte) error {
	req, err := http.NewRequestWithContext(b.r.ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer bare")
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("bare call: status %d", resp.StatusCode)
	}
	return nil
}

func (b *bare) commit(name string, text bool) error {
	value := "processing"
	if text {
		value = string(bytes.Repeat([]byte("text "), 400))
	}
	doc := &pb.Document{
		Name:   "projects/demo-bench/databases/(default)/documents/bare/" + url.PathEscape(name),
		Fields: map[string]*pb.Value{"text": {ValueType: &pb.Value_StringValue{StringValue: value}}},
	}
	_, err := b.documents.Commit(context.WithoutCancel(b.r.ctx), &pb.CommitRequest{
		Database: "projects/demo-bench/databases/(default)",
		Writes:   []*pb.Write{{Operation: &pb.Write_Update{Update: doc}}}})
	return err
}

// body returns a body as long as the request for a page of size bytes.
func body(size int) []byte { return make([]byte, base64.StdEncoding.EncodedLen(size)+250) }
