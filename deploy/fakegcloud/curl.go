package main

import (
	"crypto/sha1"
	"fmt"
	"os"
	"strings"
)

// curl answers like Firestore for the sample's document, like Resource Manager for the caller's roles, and like Hugging
// Face for a model's newest commit.
func curl(s *state, args []string) {
	url := args[len(args)-1]
	switch {
	case strings.Contains(url, "/api/models/"):
		if on("hub-down") {
			fail("curl: (22) The requested URL returned error: 503")
		}
		fmt.Printf(`{"_id":"1","id":"%s","sha":"%x","siblings":[]}`, between(url, "/api/models/", "/revision"),
			sha1.Sum([]byte(url)))
	case strings.HasSuffix(url, ":testIamPermissions"):
		may := args[len(args)-2] // grants everything asked for, except FAKE_LACKS
		for _, permission := range strings.Fields(os.Getenv("FAKE_LACKS")) {
			may = strings.ReplaceAll(may, `"`+permission+`"`, `"none"`)
		}
		fmt.Println(may)
	case strings.Contains(url, "/documents/"):
		document(s, url)
	default:
		fail("the fake does not know this address: " + url)
	}
}

// document prints the sample's document if a working trigger has announced an upload.
func document(s *state, url string) {
	newest := 0
	for n, line := range lines(s.file + ".uploads") {
		var at int
		_, _ = fmt.Sscan(line, &at) // a number written by upload
		_, trigger := s.things["eventarc triggers bucketocr-finalized"]
		heard := trigger && (!on("late-trigger") || at-s.made["eventarc triggers bucketocr-finalized"] >= 120)
		if heard && !on("deaf") && s.now >= at+20 {
			newest = n + 1
		}
	}
	switch {
	case newest == 0:
		fmt.Println(`{"error": {"code": 404, "status": "NOT_FOUND"}}`)
	case strings.Contains(url, "mask.fieldPaths=text"):
		fmt.Println("{\n  \"fields\": {\n   \"text\": {\n    \"stringValue\": \"PATENT\"\n   }\n  }\n}")
	default:
		fmt.Printf("{\"fields\": {\"generation\": {\"integerValue\": \"%d\"}, \"status\": {\"stringValue\": \"done\"}}}\n",
			newest)
	}
}
