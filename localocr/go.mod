module github.com/bucketocr/bucketocr/localocr

go 1.26.0

require (
	github.com/danlock/gogosseract v0.0.11-0ad3421
	github.com/tetratelabs/wazero v1.7.3
	golang.org/x/image v0.47.0
)

require (
	github.com/danlock/pkg v0.0.17-a9828f2 // indirect
	github.com/jerbob92/wazero-emscripten-embind v1.3.0 // indirect
	golang.org/x/exp v0.0.0-20231006140011-7918f672742d // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
