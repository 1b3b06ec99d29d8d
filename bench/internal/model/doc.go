// Package model is a model of the platform under a load: Pub/Sub's push with its backoff and retention, Cloud Run's
// instances, queues and refusals for the function and for the GPUs, and the function's own course of claim, pace,
// suspects, lease, release and sweep. Discrete events, fake time, seeded: the same [Config] yields the same [Result].
//
// The rules are the product's own code: how many pages an instance sends ([worker.Limit]), how long it waits before it
// sends a refused one again ([worker.Pause]), lease times, RETRY_WINDOW. The course of an attempt is written for the
// model after that of package worker: pages beside others, the control page when the service is silent, each suspect
// alone in its turn.
//
// It is a model, and not the platform. Times that could not be measured here (how long a GPU takes to start, how a GPU
// shares itself among pages) are inputs. Where the platform's behaviour is not published, the model takes the worse
// case: Pub/Sub does not slow down its pushes unless Window says so, a page whose caller has gone is read to its end,
// and a page that Cloud Run holds while a GPU starts is one that the server may have had when it times out. Not
// modelled: memory, images that are decoded, and that a record whose instance died has its next instance to itself.
//
// Files, in reading order:
//
//	model.go     one run: the events in their order, and the sums
//	sweep.go     the sweep
//	gpu.go       the OCR service: its instances, its queue and its pages
//	function.go  the function: its instances and its queue
//	attempt.go   one claimed object: its pages beside others
//	suspect.go   and those that failed, each alone
//	places.go    how many pages an instance has at the OCR service
//	pubsub.go    the subscription
//	record.go    what Firestore holds, and the rules over it
//	queue.go     the queue of events
//	config.go    what goes in and what comes out
package model
