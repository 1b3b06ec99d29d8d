// Package gcptest holds stand-ins for Google Cloud, for the tests of several packages. Tests talk to them with Google's
// real clients over real connections on loopback.
//
// [Firestore] is the Cloud SDK's own emulator, started once in a test process; [Project] keeps tests in it apart, and
// [Proxy] loses answers between a test and it. [Bucket] is a small Cloud Storage of our own: fake-gcs-server would
// bring 54 modules into the go.mod that the function is built from, and cannot produce the faults that matter here:
// damaged, cut and held bodies, dropped connections, busy and refusing answers. [PubSub] and [Push] emulate the way
// Eventarc delivers. [Metadata] and [ServiceAccount] provide credentials for Google's clients.
//
// Files, in reading order:
//
//	pubsub.go        Pub/Sub's emulator
//	firestore.go     Firestore's emulator, and how emulators are started
//	proxy.go         lost answers and broken connections between a test and an emulator
//	bucketserver.go  Cloud Storage's API over a bucket
//	bucket.go        the bucket's contents, and the faults that a test asks for
//	credentials.go   credentials for Google's clients
//	pipes.go         connections in memory, for tests with fake time
package gcptest
