package jpegdecode

// lookBits is the number of bits looked up at once. Most codes fit, together with the value that follows them.
const lookBits = 10

// huffman is a Huffman table.
type huffman struct {
	look [1 << lookBits]entry // by the next bits
	// by the next 8 bits: symbol<<8 | code length; 0 for a longer or invalid code
	short   [256]uint16
	limit   [17]int // by length: one more than the largest code of this length
	offset  [17]int // by length: the index of a code's symbol minus the code
	symbols []byte
}

// entry decodes the next lookBits bits. From the lowest bit on: the number of bits used, the zeros before the value,
// whether the value is included, and the value or, if it is not included, the code's symbol. 0 means a longer or
// invalid code.
type entry int32

const (
	entryLength = 0xff
	entryZeros  = 8
	entryWhole  = 1 << 12
	entryValue  = 16
)

// newHuffman returns the table for the given number of codes of each length and their symbols, or nil if the counts are
// impossible. A symbol is the size of a value in bits; in AC tables its upper 4 bits count the zeros before the value.
func newHuffman(counts []byte, symbols []byte, dc bool) *huffman {
	h := &huffman{symbols: symbols}
	code, at := 0, 0
	for length := 1; length <= 16; length++ {
		n := int(counts[length-1])
		if code+n > 1<<length {
			return nil
		}
		h.offset[length] = at - code
		for i := range n {
			if length <= lookBits {
				h.enter(code+i, length, int(symbols[at+i]), dc)
			}
			for j := 0; length <= 8 && j < 1<<(8-length); j++ {
				h.short[(code+i)<<(8-length)|j] = uint16(symbols[at+i])<<8 | uint16(length)
			}
		}
		code, at = code+n, at+n
		h.limit[length] = code
		code <<= 1
	}
	return h
}

// enter fills the look entries that begin with code.
func (h *huffman) enter(code, length, symbol int, dc bool) {
	left := lookBits - length
	zeros, size := symbol>>4, symbol&15
	if dc {
		zeros, size = 0, symbol
	}
	for rest := range 1 << left {
		e := entry(symbol<<entryValue | length)
		if size <= left && (dc || size > 0) {
			v := extended(rest>>(left-size), size)
			e = entry(v<<entryValue | entryWhole | zeros<<entryZeros | length + size)
		}
		h.look[code<<left|rest] = e
	}
}

// code returns the symbol and length of the code in the highest bits of bits; 0, 0 if it is invalid.
func (h *huffman) code(bits uint64) (symbol, length int) {
	if s := h.short[bits>>56]; s != 0 {
		return int(s >> 8), int(s & 0xff)
	}
	for length = 1; length <= 16; length++ {
		if code := int(bits >> (64 - length)); code < h.limit[length] {
			return int(h.symbols[code+h.offset[length]]), length
		}
	}
	return 0, 0
}

// standardTables returns the DC and AC tables of the standard's annex K, which Motion JPEG frames omit.
func standardTables() (tables [2][4]*huffman) {
	dc := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	for i := range 2 {
		tables[0][i] = newHuffman([]byte(standardCounts[i]), dc, true)
		tables[1][i] = newHuffman([]byte(standardCounts[2+i]), []byte(standardSymbols[i]), false)
	}
	return tables
}

// The tables of annex K: the codes per length (DC luma, DC chroma, AC luma, AC chroma) and the AC symbols.
var (
	standardCounts = [4]string{
		"\x00\x01\x05\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00",
		"\x00\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00",
		"\x00\x02\x01\x03\x03\x02\x04\x03\x05\x05\x04\x04\x00\x00\x01\x7d",
		"\x00\x02\x01\x02\x04\x04\x03\x04\x07\x05\x04\x04\x00\x01\x02\x77",
	}
	standardSymbols = [2]string{
		"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0" +
			"\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49" +
			"\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89" +
			"\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5" +
			"\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
			"\xf9\xfa",
		"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0" +
			"\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48" +
			"\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87" +
			"\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3" +
			"\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
			"\xf9\xfa",
	}
)
