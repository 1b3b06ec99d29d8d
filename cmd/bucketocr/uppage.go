package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/ui"
)

// noPage turns the live page of a local run off.
const noPage = "off"

// takePage takes the page's address early, so that a port that is taken ends the run before anything is started. With
// --once nobody has the time to look, so the page must be asked for.
func (u *upRun) takePage() (err error) {
	if u.pageAt == noPage || u.pageAt == "" && u.once {
		return nil
	}
	u.pageOn, err = listenPage(u.pageAt)
	return err
}

// startPage serves the live page over the folder and its records, where it is wanted.
func (u *upRun) startPage(ctx context.Context, cfg config.Config) {
	if u.pageOn == nil {
		return
	}
	limits := pageLimits
	limits.Decoder = u.decoder
	limits.MaxBytes, limits.MaxPixels, limits.MaxPages = cfg.MaxBytes, cfg.MaxPixels, cfg.MaxPages
	u.page = servePage(context.WithoutCancel(ctx), u.pageOn, u.pageAt, ui.Config{
		Watch: u.watchFolder, Records: u.records, Images: u.bucket,
		Upload: folderUpload{u.bucket, cfg.Filter}, Retry: pageRetry{u.records, onPage(u.sys)},
		Place: fmt.Sprintf("folder %s", filepath.Base(u.dir)), MaxBytes: cfg.MaxBytes, Limits: limits, Log: u.log,
	})
}

// closePage ends the page, or lets its address go.
func (u *upRun) closePage() {
	switch {
	case u.page != nil:
		u.page.close()
	case u.pageOn != nil:
		_ = u.pageOn.Close()
	}
}

// watchFolder follows the records of this folder: Firestore's emulator may hold others.
func (u *upRun) watchFolder(ctx context.Context, fn func(id string, r *document.Record) error) error {
	return u.records.Watch(ctx, func(id string, r *document.Record) error {
		if r.Bucket != u.bucket.Name() {
			return nil
		}
		return fn(id, r)
	})
}
