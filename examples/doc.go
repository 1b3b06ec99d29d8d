// Package examples holds listeners to copy; its tests run them against Firestore's emulator.
package examples
