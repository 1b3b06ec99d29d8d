package ccitt

import (
	"strconv"
	"strings"
	"sync"
)

// The codes of T.4, tables 2 and 3: terminating codes for runs of 0 to 63 pixels, make-up codes for 64, 128 and so on
// to 1728, and make-up codes for 1792 to 2560, which both colours share.
const (
	whiteEnds = `
	00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011 0100111
	0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010 00011011
	00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100
	00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011
	01001010 01001011 00110010 00110011 00110100`
	whiteMakeUp = `
	11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100 011001101 011010010 011010011
	011010100 011010101 011010110 011010111 011011000 011011001 011011010 011011011 010011000 010011001 010011010 011000
	010011011`
	blackEnds = `
	0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 0000010111
	0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000 000011001010
	000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011
	000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011 000001010100
	000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 000000100100 000000110111
	000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100 000001011010 000001100110
	000001100111`
	blackMakeUp = `
	0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100 0000001101101
	0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 0000001110101
	0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 0000001011011
	0000001100100 0000001100101`
	sharedMakeUp = `
	00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111
	000000011100 000000011101 000000011110 000000011111`
)

// modeCodes lists the codes of T.4, table 4, by mode. The last one begins an extension.
const modeCodes = "0001 001 0000010 000010 010 1 011 000011 0000011 0000001"

// Modes of two-dimensional coding. A vertical mode differs from modeV0 by how many pixels the change is to the right of
// the one above.
const (
	modePass = iota
	modeHorizontal
	modeVL3
	_
	_
	modeV0
	_
	_
	modeVR3
	modeExtension
)

// eolBits is the length of the code that ends a row: eleven or more bits of 0, and one of 1.
const eolBits = 12

// code is a decoded code: its value and its length in bits, 0 if the bits are not a code.
type code struct {
	value int16
	bits  uint8
}

// Lengths of the longest codes, in bits.
const runBits, modeBits = 13, 7

// codes holds the decoding tables, indexed by the next bits.
type codes struct {
	runs  [2][1 << runBits]code // of white and of black
	modes [1 << modeBits]code
}

var tables = sync.OnceValue(func() *codes {
	t := &codes{}
	for colour, list := range [2][2]string{{whiteEnds, whiteMakeUp}, {blackEnds, blackMakeUp}} {
		enter(t.runs[colour][:], runBits, list[0], 0, 1)
		enter(t.runs[colour][:], runBits, list[1]+sharedMakeUp, 64, 64)
	}
	enter(t.modes[:], modeBits, modeCodes, 0, 1)
	return t
})

// enter adds a list of codes to a table. Their values begin with first and increase by step.
func enter(table []code, width int, list string, first, step int) {
	for i, digits := range strings.Fields(list) {
		n, err := strconv.ParseUint(digits, 2, width)
		if err != nil {
			panic(err)
		}
		rest := width - len(digits)
		for low := range 1 << rest {
			table[int(n)<<rest|low] = code{int16(first + i*step), uint8(len(digits))}
		}
	}
}

// RunCodes returns the codes of a run as binary digits, for encoders. The colour is 0 for white and 1 for black.
func RunCodes(colour, length int) string {
	ends, makeUp := whiteEnds, whiteMakeUp
	if colour == 1 {
		ends, makeUp = blackEnds, blackMakeUp
	}
	long := strings.Fields(makeUp + sharedMakeUp)
	digits := ""
	for length >= 64 {
		n := min(length/64, len(long))
		digits += long[n-1]
		length -= 64 * n
	}
	return digits + strings.Fields(ends)[length]
}
