// Package event is the codec between Cloud Storage's CloudEvents about objects and [document.Event]: [Decode], and
// [Encode] for a local bucket, which sends the function the same events as a real one. [Filter] decides which events to
// ignore. The package uses no network, clock or state: everything may be called concurrently.
//
// Files, in reading order:
//
//	decode.go  decoding an event from a CloudEvent
//	encode.go  encoding an event as a CloudEvent
//	ended.go   encoding a document's end as a CloudEvent, and that as a Pub/Sub message
//	types.go   CloudEvent types, and the requirements for an event
//	filter.go  which events to ignore
//	owner.go   the owner of an object
//	glob.go    patterns for names
package event
