package page

// Supported lists, for tests outside of the package, what the table of formats says of those that are supported in some
// build: the media type of each extension, and all media types.
func Supported() (byExtension map[string]string, mediaTypes []string) {
	byExtension = map[string]string{}
	for _, f := range formats {
		if f.read == nil && f.pages == nil {
			continue
		}
		for mediaType, extensions := range f.types {
			mediaTypes = append(mediaTypes, mediaType)
			for _, e := range extensions {
				byExtension[e] = mediaType
			}
		}
	}
	return byExtension, mediaTypes
}
