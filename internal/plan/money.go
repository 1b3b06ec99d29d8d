package plan

import (
	"encoding/json"
	"fmt"
)

// Quantities are the quantities that cost money.
type Quantities struct {
	GPUSeconds, FunctionSeconds float64
	Requests                    float64 // to function and OCR service
	Writes, Reads               float64 // documents
	StoredGiB                   float64 // of documents and indexes, for as long as they are kept
	// of events, including refused ones; an upper bound, since Pub/Sub slows down when many are refused
	Pushes     float64
	MessageTiB float64 // Pub/Sub messages, in and out
}

// Figures are published prices and reading speeds of GPUs. deploy/figures.json holds them; unknown ones are empty.
type Figures struct {
	Prices         []Price
	PagesPerSecond []Speed
}

// Price is the price of a unit. Value is nil until it is filled in.
type Price struct {
	Name, Unit, Currency, Date, Source string
	Value                              *float64
}

// Speed is how many pages per second one GPU reads. Claim means that the vendor states it.
type Speed struct {
	GPU, Model, Date, Source string
	Value                    *float64
	Claim                    bool
}

// ReadFigures reads a file of figures.
func ReadFigures(b []byte) (Figures, error) {
	var f Figures
	if err := json.Unmarshal(b, &f); err != nil {
		return f, fmt.Errorf("figures: %w", err)
	}
	for _, p := range f.Prices {
		if p.Value != nil && (p.Currency == "" || p.Date == "" || p.Source == "") {
			return f, fmt.Errorf("figures: the price %s must state currency, date and source", p.Name)
		}
	}
	return f, nil
}

// Speed returns the speed of a GPU with a model; nil if there is no figure.
func (f Figures) Speed(gpu, model string) *Speed {
	for i, s := range f.PagesPerSecond {
		if s.GPU == gpu && s.Model == model && s.Value != nil {
			return &f.PagesPerSecond[i]
		}
	}
	return nil
}

// Cost is a quantity with its cost, if the price is known.
type Cost struct {
	Name     string   // of the price
	What     string   // in words
	Quantity float64  // per 1,000 pages
	Money    *float64 `json:",omitempty"`
	Currency string   `json:",omitempty"`
}

// Costs returns the quantities with their costs.
func (f Figures) Costs(q Quantities) []Cost {
	costs := []Cost{
		{Name: "gpuSecond", What: "GPU seconds", Quantity: q.GPUSeconds},
		{Name: "functionSecond", What: "function seconds", Quantity: q.FunctionSeconds},
		{Name: "requestsMillion", What: "requests", Quantity: q.Requests},
		{Name: "firestoreWrites", What: "document writes", Quantity: q.Writes},
		{Name: "firestoreReads", What: "document reads", Quantity: q.Reads},
		{Name: "firestoreGiBMonth", What: "GiB stored, a month", Quantity: q.StoredGiB},
		{Name: "pubsubTiB", What: "TiB of messages, at most", Quantity: q.MessageTiB},
	}
	for i := range costs {
		for _, p := range f.Prices {
			if p.Name == costs[i].Name && p.Value != nil {
				money := costs[i].Quantity / unitsOf(p.Name) * *p.Value
				costs[i].Money, costs[i].Currency = &money, p.Currency
			}
		}
	}
	return costs
}

// Total returns the sum of the costs. It reports false unless all of them are known, in one currency.
func Total(costs []Cost) (money float64, currency string, known bool) {
	for _, c := range costs {
		if c.Money == nil || c.Currency != costs[0].Currency {
			return 0, "", false
		}
		money += *c.Money
	}
	return money, costs[0].Currency, true
}

// unitsOf returns how many units a price covers.
func unitsOf(name string) float64 {
	switch name {
	case "requestsMillion":
		return 1e6
	case "firestoreWrites", "firestoreReads":
		return 1e5
	}
	return 1
}
