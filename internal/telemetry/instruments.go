package telemetry

import (
	"cmp"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/metric"
)

// Instrument describes a metric for people. Where OpenTelemetry's conventions have a name for it, that is taken.
type Instrument struct {
	Name       string
	Kind       string // counter, histogram or gauge
	Unit       string // in UCUM
	Meaning    string
	Attributes []string // none has more than a few dozen values in one installation
	bounds     []float64
}

var (
	seconds = []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 120, 240, 480}
	tokens  = []float64{1, 16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536}
)

var table = []Instrument{
	{"bucketocr.deliveries", "counter", "{delivery}", "deliveries and what they came to, those of sweeps too",
		[]string{"bucketocr.outcome", "faas.trigger"}, nil},
	{"bucketocr.faults", "counter", "{fault}", "faults of deliveries, by the code that the document holds",
		[]string{"error.type", "bucketocr.fault.class"}, nil},
	{"bucketocr.pages", "counter", "{page}", "pages that attempts came to the end of: `read`, `blank`, `failed`",
		[]string{"bucketocr.page.result"}, nil},
	{"bucketocr.page.duration", "histogram", "s",
		"of one page: `wait` for its turn, for memory and for a place at the OCR service, `make` (read, decode, scale, encode), `ocr` with all tries",
		[]string{"bucketocr.page.phase"}, seconds},
	{"bucketocr.place.wait", "histogram", "s", "what deliveries wait for a place in the instance and its memory budget before they claim", nil, seconds},
	{"bucketocr.io", "counter", "By", "bytes of objects that were received from the bucket, bytes of pages that were transmitted to the OCR service",
		[]string{"network.io.direction"}, nil},
	{"bucketocr.leases.expired", "counter", "{lease}", "leases that a claim found expired: a holder died", nil, nil},
	{"http.client.request.duration", "histogram", "s", "tries of the OCR service, one page each; their number is this one's count",
		[]string{"http.request.method", "server.address", "server.port", "http.response.status_code", "error.type"}, seconds},
	{"gen_ai.client.token.usage", "histogram", "{token}", "tokens of one answer, `input` and `output`; their number is this one's sum",
		[]string{"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.token.type"}, tokens},
	{"faas.invoke_duration", "histogram", "s", "requests: `datasource` an object's event, `timer` a sweep, `other` none of ours",
		[]string{"faas.trigger", "http.response.status_code"}, seconds},
	{"bucketocr.sweep.due", "gauge", "{record}", "records that were due still when the last sweep ended, counted up to 50", nil, nil},
	{"bucketocr.sweep.overdue", "gauge", "s", "how long the one of them has been due that has been it longest", nil, nil},
	{"bucketocr.sweep.past_window", "gauge", "{record}", "unfinished records past RETRY_WINDOW that the last sweep met and could not end", nil, nil},
}

// Instruments are all that is measured.
func Instruments() []Instrument { return slices.Clone(table) }

// instruments are the table's, ready to measure.
type instruments struct {
	deliveries, faults, pages, io, expired metric.Int64Counter
	page, place, try, invoke               metric.Float64Histogram
	tokens                                 metric.Int64Histogram
	due, pastWindow                        metric.Int64Gauge
	overdue                                metric.Float64Gauge
}

func newInstruments(m metric.Meter) (*instruments, error) {
	b := &builder{meter: m}
	return &instruments{
		deliveries: b.counter("bucketocr.deliveries"), faults: b.counter("bucketocr.faults"), pages: b.counter("bucketocr.pages"),
		io: b.counter("bucketocr.io"), expired: b.counter("bucketocr.leases.expired"),
		page: b.seconds("bucketocr.page.duration"), place: b.seconds("bucketocr.place.wait"),
		try: b.seconds("http.client.request.duration"), invoke: b.seconds("faas.invoke_duration"),
		tokens: b.numbers("gen_ai.client.token.usage"),
		due:    b.gauge("bucketocr.sweep.due"), pastWindow: b.gauge("bucketocr.sweep.past_window"),
		overdue: b.secondsGauge("bucketocr.sweep.overdue"),
	}, b.err
}

// builder makes instruments of the table's rows and keeps the first error.
type builder struct {
	meter metric.Meter
	err   error
}

func (b *builder) row(name string) Instrument {
	i := slices.IndexFunc(table, func(r Instrument) bool { return r.Name == name })
	if i < 0 {
		b.keep(fmt.Errorf("no instrument %s", name))
		return Instrument{Name: name}
	}
	return table[i]
}

func (b *builder) keep(err error) { b.err = cmp.Or(b.err, err) }

func (b *builder) counter(name string) metric.Int64Counter {
	r := b.row(name)
	c, err := b.meter.Int64Counter(name, metric.WithUnit(r.Unit), metric.WithDescription(r.Meaning))
	b.keep(err)
	return c
}

func (b *builder) seconds(name string) metric.Float64Histogram {
	r := b.row(name)
	h, err := b.meter.Float64Histogram(name, metric.WithUnit(r.Unit), metric.WithDescription(r.Meaning),
		metric.WithExplicitBucketBoundaries(r.bounds...))
	b.keep(err)
	return h
}

func (b *builder) numbers(name string) metric.Int64Histogram {
	r := b.row(name)
	h, err := b.meter.Int64Histogram(name, metric.WithUnit(r.Unit), metric.WithDescription(r.Meaning),
		metric.WithExplicitBucketBoundaries(r.bounds...))
	b.keep(err)
	return h
}

func (b *builder) gauge(name string) metric.Int64Gauge {
	r := b.row(name)
	g, err := b.meter.Int64Gauge(name, metric.WithUnit(r.Unit), metric.WithDescription(r.Meaning))
	b.keep(err)
	return g
}

func (b *builder) secondsGauge(name string) metric.Float64Gauge {
	r := b.row(name)
	g, err := b.meter.Float64Gauge(name, metric.WithUnit(r.Unit), metric.WithDescription(r.Meaning))
	b.keep(err)
	return g
}
