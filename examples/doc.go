// Package examples holds listeners and a function to copy; its tests run the listeners against Firestore's emulator.
package examples
