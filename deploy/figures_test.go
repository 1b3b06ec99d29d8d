package deploytest

import (
	"encoding/json"
	"testing"
)

// TestFigures: a figure without a source has no value, and one with a value says when and where it was read.
func TestFigures(t *testing.T) {
	var figures struct {
		Comment string
		Prices  []struct {
			Name, Unit, Currency, Date, Source string
			Value                              *float64
		}
		PagesPerSecond []struct {
			GPU, Model, Date, Source string
			Value                    *float64
			Claim                    bool
		}
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/figures.json")), &figures); err != nil {
		t.Fatal(err)
	}
	for _, p := range figures.Prices {
		if filled := p.Currency != "" && p.Date != "" && p.Source != ""; p.Name == "" || p.Unit == "" ||
			filled != (p.Value != nil) {
			t.Errorf("price %+v", p)
		}
	}
	for _, p := range figures.PagesPerSecond {
		if filled := p.Date != "" && p.Source != ""; p.GPU == "" || p.Model == "" || filled != (p.Value != nil) {
			t.Errorf("pages per second %+v", p)
		}
	}
	if len(figures.Prices) == 0 || len(figures.PagesPerSecond) == 0 {
		t.Error("nothing to fill in")
	}
}
