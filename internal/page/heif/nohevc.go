//go:build noheic

package heif

var hevcDecoder []byte
