package gcp

import (
	"strings"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// fields are the fields of a document, or of a map in one. What is absent, or of another type, reads as zero.
type fields map[string]*pb.Value

// Values of Firestore. Strings are made valid UTF-8: gRPC refuses others, with a code that looks like a passing fault.

func text(s string) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_StringValue{StringValue: strings.ToValidUTF8(s, "\uFFFD")}}
}

func number(n int64) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_IntegerValue{IntegerValue: n}}
}

func flag(b bool) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_BooleanValue{BooleanValue: b}}
}

// moment is a time to the microsecond, which is what Firestore keeps.
func moment(t time.Time) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_TimestampValue{TimestampValue: timestamppb.New(t.Truncate(time.Microsecond))}}
}

func dict(f fields) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_MapValue{MapValue: &pb.MapValue{Fields: f}}}
}

func list(values []*pb.Value) *pb.Value {
	return &pb.Value{ValueType: &pb.Value_ArrayValue{ArrayValue: &pb.ArrayValue{Values: values}}}
}

func texts(strs []string) *pb.Value {
	values := make([]*pb.Value, len(strs))
	for i, s := range strs {
		values[i] = text(s)
	}
	return list(values)
}

// setMoment sets a time that is not zero; a zero one is absent from the document.
func (f fields) setMoment(name string, t time.Time) {
	if !t.IsZero() {
		f[name] = moment(t)
	}
}

func (f fields) text(name string) string  { return f[name].GetStringValue() }
func (f fields) number(name string) int64 { return f[name].GetIntegerValue() }
func (f fields) int(name string) int      { return int(f[name].GetIntegerValue()) }
func (f fields) flag(name string) bool    { return f[name].GetBooleanValue() }
func (f fields) dict(name string) fields  { return f[name].GetMapValue().GetFields() }

func (f fields) list(name string) []*pb.Value { return f[name].GetArrayValue().GetValues() }

func (f fields) moment(name string) time.Time {
	if t := f[name].GetTimestampValue(); t != nil {
		return t.AsTime()
	}
	return time.Time{}
}

func (f fields) texts(name string) []string {
	var strs []string
	for _, v := range f.list(name) {
		strs = append(strs, v.GetStringValue())
	}
	return strs
}
