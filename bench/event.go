package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

// name returns a new object name for a file in the bucket.
func (r *run) name(file string) string {
	r.serial++
	return fmt.Sprintf("%d/%s", r.serial, file)
}

// deliver sends an event, as Eventarc does, and returns the HTTP status.
func (p *process) deliver(ctx context.Context, name string) (int, error) {
	body := fmt.Sprintf(`{"kind":"storage#object","name":%q,"bucket":%q,"generation":"%d","metageneration":"1",`+
		`"contentType":"","size":"0","timeCreated":"2026-11-23T10:02:11.472Z"}`, name, standin.Bucket,
		standin.Generation)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	for k, v := range map[string]string{
		"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": name,
		"ce-time": "2026-11-23T10:02:11.482913Z",
		"ce-type": "google.cloud.storage.object.v1.finalized", "ce-bucket": standin.Bucket,
		"ce-source": "//storage.googleapis.com/projects/_/buckets/" + standin.Bucket, "ce-subject": "objects/" + name,
	} {
		req.Header.Set(k, v)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// errFailed is the yardstick's 500, which it returns when the OCR service has just closed an idle connection, since it
// does not retry the request. Our function never returns 500.
var errFailed = errors.New("the event failed")

// one delivers an event and returns an error if it is not acknowledged.
func (p *process) one(ctx context.Context, name string) error {
	code, err := p.deliver(ctx, name)
	switch {
	case err == nil && code == http.StatusInternalServerError:
		return fmt.Errorf("%s: %w", p.name, errFailed)
	case err == nil && code != http.StatusOK:
		return fmt.Errorf("%s answered %d", p.name, code)
	}
	return err
}

// first delivers an event as soon as the process accepts connections, and returns the time from exec to the
// acknowledgement.
func (p *process) first(ctx context.Context, name string) (time.Duration, error) {
	for {
		code, err := p.deliver(ctx, name)
		switch {
		case err == nil && code == http.StatusOK:
			return time.Since(p.begun), nil
		case err == nil:
			return 0, fmt.Errorf("%s answered %d", p.name, code)
		case time.Since(p.begun) > time.Minute:
			return 0, err
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// flood delivers n events of a file, atOnce at a time.
func (r *run) flood(p *process, file string, n, atOnce int) error {
	return r.floodEach(p, file, n, atOnce, func(string, time.Duration) {})
}

// floodEach is flood, and tells how long each event took; settled is called concurrently.
func (r *run) floodEach(p *process, file string, n, atOnce int, settled func(name string, took time.Duration)) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	names := make(chan string)
	for range atOnce {
		wg.Go(func() {
			for name := range names {
				start := time.Now()
				err := p.one(r.ctx, name)
				if errors.Is(err, errFailed) { // the platform would redeliver it
					err = p.one(r.ctx, name)
				}
				if err == nil {
					settled(name, time.Since(start))
					continue
				}
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	for range n {
		names <- r.name(file)
	}
	close(names)
	wg.Wait()
	return errors.Join(errs...)
}

// warm delivers a few events to a process and checks its work: the page must arrive complete, and the text must be
// stored.
func (r *run) warm(p *process, file string) error {
	if _, err := p.first(r.ctx, r.name(file)); err != nil {
		return err
	}
	r.world.Prove(true)
	defer r.world.Prove(false)
	before, stored := r.world.Counts(), r.world.Documents()
	const n = 3
	if err := r.flood(p, file, n, 1); err != nil {
		return err
	}
	c := r.world.Counts().Sub(before)
	if c.Faults > 0 || c.Pages < n || r.world.Documents()-stored != n {
		return fmt.Errorf("%s does not work: %+v, %d documents", p.name, c, r.world.Documents()-stored)
	}
	return nil
}
