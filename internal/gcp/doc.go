// Package gcp is the Google Cloud driver: objects in Cloud Storage ([storage.Objects]), records in Firestore ([firestore.Store]) and ID
// tokens for the OCR service ([idtoken.Source]). Google's clients are used here and nowhere else.
//
// Nothing here touches the network when it is made: clients and credentials are made at the first call, by one goroutine
// whatever the number of callers, and made again at the next call if that failed. A caller stops waiting when its context
// ends. All types are safe for concurrent use.
//
// # Which of Google's clients
//
// Objects come through google.golang.org/api/storage/v1 instead of cloud.google.com/go/storage: with it the function's
// binary and its start are half the size, and the two calls that we need are two small functions. Its media download
// gives the very bytes of the answer, so the checksum is checked here and tested against damage of every kind.
//
// Records go through the generated client of Firestore (cloud.google.com/go/firestore/apiv1) instead of the friendlier
// one above it, which cannot replace a whole document on condition of its update time together with other documents, and
// does not tell the times that the server set. [firestore.Store.Update] needs both. That is also why there is a codec in this
// package, and it is the only place that knows a field of the document by name.
package gcp
