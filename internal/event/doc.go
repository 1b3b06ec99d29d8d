// Package event is the letterbox: what Cloud Storage says about an object, as a CloudEvent, becomes a [document.Event]
// ([Decode]), and back ([Encode]), so that a local bucket speaks to the function as the real one does. [Filter] says which
// of the events are none of ours. No network, no clock, no state: everything here may be called at once from anywhere.
package event
