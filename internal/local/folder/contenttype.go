package folder

import (
	"path"
	"strings"
)

// unknownType is declared for unknown extensions: the bytes decide.
const unknownType = "application/octet-stream"

// contentTypes is the declared type by extension. It replaces the table of package mime, which depends on the machine.
// Apart from supported formats it has formats that people often keep beside their scans, so that the filter ignores
// them.
var contentTypes = map[string]string{
	".avif": "image/avif",
	".bmp":  "image/bmp",
	".dib":  "image/bmp",
	".gif":  "image/gif",
	".heic": "image/heic",
	".heif": "image/heif",
	".j2c":  "image/j2c",
	".j2k":  "image/j2c",
	".jfif": "image/jpeg",
	".jp2":  "image/jp2",
	".jpc":  "image/j2c",
	".jpe":  "image/jpeg",
	".jpeg": "image/jpeg",
	".jpf":  "image/jpx",
	".jpg":  "image/jpeg",
	".jpx":  "image/jpx",
	".jxl":  "image/jxl",
	".pdf":  "application/pdf",
	".png":  "image/png",
	".svg":  "image/svg+xml",
	".tif":  "image/tiff",
	".tiff": "image/tiff",
	".webp": "image/webp",

	".csv":  "text/csv",
	".doc":  "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".gz":   "application/gzip",
	".htm":  "text/html",
	".html": "text/html",
	".json": "application/json",
	".log":  "text/plain",
	".md":   "text/markdown",
	".mov":  "video/quicktime",
	".mp3":  "audio/mpeg",
	".mp4":  "video/mp4",
	".odt":  "application/vnd.oasis.opendocument.text",
	".rtf":  "application/rtf",
	".sh":   "application/x-sh",
	".tar":  "application/x-tar",
	".txt":  "text/plain",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".xml":  "application/xml",
	".yaml": "application/yaml",
	".yml":  "application/yaml",
	".zip":  "application/zip",
}

// ContentType returns the declared type for an object of this name.
func ContentType(name string) string {
	if t, ok := contentTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return unknownType
}
