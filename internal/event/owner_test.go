package event

import "testing"

func TestOwnerIsWhatThePatternSays(t *testing.T) {
	for _, c := range []struct{ pattern, name, owner string }{
		{"users/{owner}/**", "users/ada/a.png", "ada"},
		{"users/{owner}/**", "users/ada/2026/users/bob/a.png", "ada"}, // the first, whatever follows
		{"users/{owner}/**", "users/ada", ""},
		{"users/{owner}/**", "users//a.png", ""}, // an empty name is not an owner
		{"users/{owner}/**", "in/users/ada/a.png", ""},
		{"users/{owner}/**", "Users/ada/a.png", ""},
		{"users/{owner}/**", "users/Ñandú 🦜\n/a.png", "Ñandú 🦜\n"},
		{"users/{owner}/**", "users/.../a.png", "..."},
		{"{owner}/*.png", "ada/a.png", "ada"},
		{"{owner}/*.png", "ada/b/a.png", ""},
		{"{owner}/*.png", "ada/a.jpg", ""},
		{"{owner}", "ada.png", "ada.png"},
		{"*/{owner}/**/scans/*", "eu/ada/x/y/scans/a.png", "ada"},
		{"*/{owner}/**/scans/*", "eu/ada/scans/a.png", "ada"},
		{"*/{owner}/**/scans/*", "eu/b/ada/a.png", ""},
		{"t[12]/{owner}/**", "t2/ada/a.png", "ada"},
		{"t[12]/{owner}/**", "t3/ada/a.png", ""},
	} {
		owners, err := NewOwners(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := owners.Of(c.name); got != c.owner {
			t.Errorf("%s: %q is %q's, want %q", c.pattern, c.name, got, c.owner)
		}
	}
	if got := (Owners{}).Of("users/ada/a.png"); got != "" {
		t.Errorf("without a pattern it is %q's", got)
	}
}
