package page

// Supported returns the media type of each extension, and all media types, of formats that are supported in any build.
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
