//go:build !noheic

package heif

import _ "embed" // the decoder

//go:embed lib/heif.wasm.gz
var heicDecoder []byte
