//go:build !noheic

package heif

import _ "embed" // the decoder

//go:embed lib/hevc.wasm.gz
var hevcDecoder []byte
