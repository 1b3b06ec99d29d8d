// Package event is the codec between what Cloud Storage says about an object, as a CloudEvent, and a [document.Event]:
// [Decode], and [Encode] for a local bucket, which speaks to the function as the real one does. [Filter] says which events to
// ignore. There is no network, clock or state here: everything may be called concurrently.
package event
