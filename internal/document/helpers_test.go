package document

import "encoding/json"

// dump prints a whole record, with pointers followed.
func dump(r *Record) string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(b)
}
