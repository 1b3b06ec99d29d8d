package document

import "encoding/json"

// dump shows a record whole, pointers followed.
func dump(r *Record) string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(b)
}
