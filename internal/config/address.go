package config

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/bucketocr/bucketocr/ocr"
)

// baseURL reads OCR_URL by the rules of the client that will use it.
func baseURL(p *string) kind {
	return kind{
		limit: "http or https URL like https://ocr-xyz.run.app, without user, query, fragment, or anything after /v1",
		set: func(value string) error {
			u, err := ocr.ParseURL(value)
			if err != nil {
				return err
			}
			*p = u.String()
			return nil
		},
		show: showURL,
	}
}

func showURL(value string) string {
	if strings.ContainsAny(value, "@?#") {
		return "the URL " + hidden // there may be a password in it
	}
	return fmt.Sprintf("%.100q", value)
}

// ocrAddress returns OCRURL parsed; an empty URL while there is none.
func (c *Config) ocrAddress() *url.URL {
	u, err := ocr.ParseURL(c.OCRURL)
	if err != nil {
		return &url.URL{}
	}
	return u
}
