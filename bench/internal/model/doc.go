// Package model simulates the platform under load: Pub/Sub's push with its backoff and retention, Cloud Run's
// instances, queues and rejections for the function and the GPUs, and the function's claims, pace, suspects, leases,
// releases and sweep. It is a seeded discrete-event simulation: the same [Config] yields the same [Result].
//
// The rules are the product's own code: the number of pages that an instance sends ([worker.Limit]), the wait before it
// sends a rejected page again ([worker.Pause]), lease times, RETRY_WINDOW. The course of an attempt is reimplemented
// after package worker: concurrent pages, the control page when the service is silent, each suspect alone in its turn.
//
// It is not the platform. Times that could not be measured here (the start of a GPU, the sharing of a GPU among pages)
// are inputs. Where the platform's behaviour is unpublished, the model assumes the worse case: Pub/Sub does not slow
// down its pushes unless Window limits them, a page whose caller has gone is still read to the end, and a page that
// times out while Cloud Run holds it for a starting GPU may have reached the server. Not modelled: memory, decoding of
// images, and the rule that a record whose instance died gets an instance to itself.
//
// Files, in reading order:
//
//	model.go     one run: the events in order, and the sums
//	sweep.go     the sweep
//	gpu.go       the OCR service: its instances, its queue and its pages
//	function.go  the function: its instances and its queue
//	attempt.go   one claimed object: its concurrent pages
//	suspect.go   its pages that failed, each alone
//	places.go    the pages of an instance at the OCR service
//	end.go       the end of an attempt, and its deadline
//	pubsub.go    the subscription
//	record.go    the records in Firestore and their rules, and the faults of a page
//	queue.go     the queue of events, and the model's time
//	config.go    inputs and results
package model
