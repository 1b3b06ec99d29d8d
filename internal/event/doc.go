// Package event is the codec between what Cloud Storage says about an object, as a CloudEvent, and a [document.Event]:
// [Decode], and [Encode] for a local bucket, which speaks to the function as the real one does. [Filter] says which
// events to ignore. There is no network, clock or state here: everything may be called concurrently.
//
// Files, in reading order:
//
//	decode.go  a CloudEvent becomes an event
//	encode.go  an event becomes a CloudEvent
//	ended.go   the end of a document becomes a CloudEvent, and that a message of Pub/Sub
//	types.go   CloudEvent types, and what an event must hold
//	filter.go  which events to ignore
//	owner.go   whose an object is
//	glob.go    patterns of names
package event
