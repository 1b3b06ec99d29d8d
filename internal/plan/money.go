package plan

import (
	"encoding/json"
	"fmt"
)

// Quantities are what is paid for.
type Quantities struct {
	GPUSeconds, FunctionSeconds float64
	Requests                    float64 // to function and OCR service
	Writes, Reads               float64 // documents
	StoredGiB                   float64 // of documents and indexes, as long as they are kept
	// of events, refused ones too; at most, for Pub/Sub slows down where much is refused
	Pushes     float64
	MessageTiB float64 // of Pub/Sub, in and out
}

// Figures are what people stated: prices, and how fast GPUs read. deploy/figures.json holds them, empty where not
// known.
type Figures struct {
	Prices         []Price
	PagesPerSecond []Speed
}

// Price is what a unit of something costs. Value is nil until it is filled in.
type Price struct {
	Name, Unit, Currency, Date, Source string
	Value                              *float64
}

// Speed is how many pages a second one GPU reads. A claim is the vendor's word.
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
			return f, fmt.Errorf("figures: the price %s says neither currency, date and source", p.Name)
		}
	}
	return f, nil
}

// Speed finds how fast a GPU reads with a model; nil where there is no figure.
func (f Figures) Speed(gpu, model string) *Speed {
	for i, s := range f.PagesPerSecond {
		if s.GPU == gpu && s.Model == model && s.Value != nil {
			return &f.PagesPerSecond[i]
		}
	}
	return nil
}

// Cost is a quantity with its price, if that is known.
type Cost struct {
	Name     string   // of the price
	What     string   // in words
	Quantity float64  // per 1,000 pages
	Money    *float64 `json:",omitempty"`
	Currency string   `json:",omitempty"`
}

// Costs puts prices to quantities.
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

// unitsOf is how many of a thing a price is for.
func unitsOf(name string) float64 {
	switch name {
	case "requestsMillion":
		return 1e6
	case "firestoreWrites", "firestoreReads":
		return 1e5
	}
	return 1
}
