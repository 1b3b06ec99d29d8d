// Package sim is a model of the platform under a burst: Pub/Sub's push with its backoff and retention, Cloud Run's
// instances, queues and refusals for the function and for the GPUs, and the function's own rules of claim, lease,
// release and sweep. Discrete events, fake time, seeded: the same [Config] yields the same [Result].
//
// It is a model, and not the platform. Times that could not be measured here (how long a GPU takes to start, how a GPU
// shares itself among pages) are inputs. Where the platform's behaviour is not published, the model takes the worse
// case: Pub/Sub does not slow down its pushes unless Window says so, and a page whose caller has gone is read to its
// end.
//
// Files, in reading order:
//
//	model.go     one run: the events in their order, and the sums
//	sweep.go     the sweep
//	gpu.go       the OCR service: its instances, its queue and its pages
//	function.go  the function: its instances, its queue and its attempts
//	pubsub.go    the subscription
//	record.go    what Firestore holds, and the rules over it
//	queue.go     the queue of events
//	config.go    what goes in and what comes out
package sim
