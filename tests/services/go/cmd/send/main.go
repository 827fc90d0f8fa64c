// SPDX-License-Identifier: Apache-2.0

// Sends the shared trace with the stock OTLP/gRPC exporter of Go:
// send TRACE_JSON HOST:PORT TRACE_ID BASE_SECONDS [gzip]
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type field struct {
	Key   string          `json:"key"`
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

type spec struct {
	Resource map[string]string `json:"resource"`
	Scope    struct{ Name, Version string }
	Spans    []struct {
		ID, Parent, Name, Kind, Start, End string
		Status                             struct{ Code, Message string }
		Attributes                         []field
		Events                             []struct {
			Name, Time string
			Attributes []field
		}
		Links []struct {
			TraceID    string `json:"trace_id"`
			SpanID     string `json:"span_id"`
			Attributes []field
		}
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func as[T any](raw json.RawMessage) T {
	var value T
	must(json.Unmarshal(raw, &value))
	return value
}

func attributes(fields []field) []attribute.KeyValue {
	var out []attribute.KeyValue
	for _, f := range fields {
		key := attribute.Key(f.Key)
		switch f.Type {
		case "string":
			out = append(out, key.String(as[string](f.Value)))
		case "int":
			out = append(out, key.Int64(as[int64](f.Value)))
		case "double":
			out = append(out, key.Float64(as[float64](f.Value)))
		case "bool":
			out = append(out, key.Bool(as[bool](f.Value)))
		case "strings":
			out = append(out, key.StringSlice(as[[]string](f.Value)))
		case "ints":
			out = append(out, key.Int64Slice(as[[]int64](f.Value)))
		case "doubles":
			out = append(out, key.Float64Slice(as[[]float64](f.Value)))
		case "bools":
			out = append(out, key.BoolSlice(as[[]bool](f.Value)))
		default:
			log.Fatalf("unknown type %q", f.Type)
		}
	}
	return out
}

// fixedIDs hands out the ids of the shared trace in the order its spans are started.
type fixedIDs struct {
	trace trace.TraceID
	spans []string
}

func (g *fixedIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	return g.trace, g.NewSpanID(ctx, g.trace)
}

func (g *fixedIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	id, err := trace.SpanIDFromHex(g.spans[0])
	must(err)
	g.spans = g.spans[1:]
	return id
}

// at turns "seconds.nanoseconds" after base into a time without going through a float.
func at(base int64, text string) time.Time {
	seconds, nanoseconds, _ := strings.Cut(text, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	must(err)
	n, err := strconv.ParseInt(nanoseconds, 10, 64)
	must(err)
	return time.Unix(base+s, n)
}

func main() {
	raw, err := os.ReadFile(os.Args[1])
	must(err)
	var t spec
	must(json.Unmarshal(raw, &t))
	base, err := strconv.ParseInt(os.Args[4], 10, 64)
	must(err)
	traceID, err := trace.TraceIDFromHex(os.Args[3])
	must(err)
	ids := &fixedIDs{trace: traceID}
	for _, s := range t.Spans {
		ids.spans = append(ids.spans, s.ID)
	}
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(os.Args[2]),
	}
	if len(os.Args) > 5 {
		options = append(options, otlptracegrpc.WithCompressor(os.Args[5]))
	}
	ctx := context.Background()
	exporter, err := otlptracegrpc.New(ctx, options...)
	must(err)
	var described []attribute.KeyValue
	for key, value := range t.Resource {
		described = append(described, attribute.String(key, value))
	}
	about, err := resource.Merge(resource.Default(), resource.NewSchemaless(described...))
	must(err)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter), sdktrace.WithIDGenerator(ids), sdktrace.WithResource(about))
	tracer := provider.Tracer(t.Scope.Name, trace.WithInstrumentationVersion(t.Scope.Version))
	contexts := map[string]context.Context{"": ctx}
	spans := make([]trace.Span, 0, len(t.Spans))
	kinds := map[string]trace.SpanKind{
		"INTERNAL": trace.SpanKindInternal, "CLIENT": trace.SpanKindClient,
		"PRODUCER": trace.SpanKindProducer,
	}
	for _, s := range t.Spans {
		options := []trace.SpanStartOption{
			trace.WithSpanKind(kinds[s.Kind]), trace.WithTimestamp(at(base, s.Start)),
			trace.WithAttributes(attributes(s.Attributes)...),
		}
		for _, l := range s.Links {
			linkedTrace, err := trace.TraceIDFromHex(l.TraceID)
			must(err)
			linkedSpan, err := trace.SpanIDFromHex(l.SpanID)
			must(err)
			options = append(options, trace.WithLinks(trace.Link{
				SpanContext: trace.NewSpanContext(trace.SpanContextConfig{
					TraceID: linkedTrace, SpanID: linkedSpan, TraceFlags: trace.FlagsSampled}),
				Attributes: attributes(l.Attributes),
			}))
		}
		child, span := tracer.Start(contexts[s.Parent], s.Name, options...)
		contexts[s.ID] = child
		for _, e := range s.Events {
			span.AddEvent(e.Name, trace.WithTimestamp(at(base, e.Time)),
				trace.WithAttributes(attributes(e.Attributes)...))
		}
		switch s.Status.Code {
		case "OK":
			span.SetStatus(codes.Ok, "")
		case "ERROR":
			span.SetStatus(codes.Error, s.Status.Message)
		}
		spans = append(spans, span)
	}
	for i := len(spans) - 1; i >= 0; i-- {
		spans[i].End(trace.WithTimestamp(at(base, t.Spans[i].End)))
	}
	must(provider.Shutdown(ctx))
}
