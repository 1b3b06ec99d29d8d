//go:build noheic

package heif

var heicDecoder []byte
