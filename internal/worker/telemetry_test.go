package worker

import (
	"reflect"
	"slices"
	"testing"
)

func TestEveryInstrumentOfTheTableIsMade(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, i := range Instruments() {
		if i.Meaning == "" || i.Unit == "" || names[i.Name] ||
			!slices.Contains([]string{"counter", "histogram", "gauge"}, i.Kind) {
			t.Errorf("%+v", i)
		}
		names[i.Name] = true
	}
	tel, err := newTelemetry(Options{})
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for field, value := range reflect.ValueOf(*tel).Fields() {
		if field.Name == "tracer" || field.Name == "server" || field.Name == "measuring" {
			continue
		}
		if made++; value.IsNil() {
			t.Errorf("%s is not made", field.Name)
		}
	}
	if made != len(names) {
		t.Errorf("%d instruments, %d rows", made, len(names))
	}
}
