package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gatepost/client"
)

// describer makes one operation of the OpenAPI document. The schemas come from
// the same Go types that bodies are decoded into and answers are made from.
type describer struct {
	op       *huma.Operation
	registry huma.Registry
}

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

// document is the OpenAPI 3.1 document of all operations.
func document(version string, operations []operation) []byte {
	registry := newRegistry()
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "gatepost", Version: version,
			Description: "Hand over mail to be sent through the mailboxes of your organisation. Errors are problems as of RFC 9457 that name every wrong field.",
		},
		Servers: []*huma.Server{{URL: "/"}},
		Components: &huma.Components{
			Schemas:         registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer", Description: "An API key, gp_live_…"}},
		},
	}
	for _, o := range operations {
		d := &describer{&huma.Operation{Method: o.method(), Path: o.path(), Responses: map[string]*huma.Response{}}, registry}
		o.describe(d)
		d.errors(o)
		doc.AddOperation(d.op)
	}
	for _, s := range registry.Map() {
		plainLists(s)
	}
	b, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		panic("the OpenAPI document cannot be written: " + err.Error()) // made of constants: tests see it
	}
	return append(b, '\n')
}

// newRegistry makes schemas from the wire types. Those that are read by code of
// their own have schemas of their own: the package client knows nothing of ours.
func newRegistry() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	r.RegisterTypeAlias(reflect.TypeFor[client.Address](), reflect.TypeFor[addressSchema]())
	r.RegisterTypeAlias(reflect.TypeFor[client.Addresses](), reflect.TypeFor[addressesSchema]())
	r.RegisterTypeAlias(reflect.TypeFor[client.Headers](), reflect.TypeFor[headersSchema]())
	r.RegisterTypeAlias(reflect.TypeFor[client.Time](), reflect.TypeFor[timeSchema]())
	return r
}

// plainLists says that lists are never null, which the library takes for granted.
func plainLists(s *huma.Schema) {
	for _, p := range s.Properties {
		if p.Type == huma.TypeArray {
			p.Nullable = false
		}
	}
}

// about names the operation.
func (d *describer) about(id, summary, description string) {
	d.op.OperationID, d.op.Summary, d.op.Description = id, summary, description
}

// takes describes the JSON body by its Go type.
func (d *describer) takes(body any, examples map[string]string) {
	d.op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{jsonType: d.media(body, examples)}}
}

// gives describes the answer of success.
func (d *describer) gives(status int, what string, answer any, example string) *huma.Response {
	r := &huma.Response{Description: what, Headers: map[string]*huma.Param{
		"X-Request-Id": {Description: "The request's id, as in the log.", Schema: &huma.Schema{Type: huma.TypeString}},
	}}
	if answer != nil {
		r.Content = map[string]*huma.MediaType{jsonType: d.media(answer, map[string]string{"answer": example})}
	}
	d.op.Responses[strconv.Itoa(status)] = r
	return r
}

func (d *describer) media(v any, examples map[string]string) *huma.MediaType {
	m := &huma.MediaType{Schema: d.registry.Schema(reflect.TypeOf(v), true, ""), Examples: map[string]*huma.Example{}}
	for name, text := range examples {
		m.Examples[name] = &huma.Example{Summary: name, Value: json.RawMessage(text)}
	}
	return m
}

// id describes the id in the path.
func (d *describer) id(description, example string) { d.param("path", "id", description, example) }

// param describes a header, query or path parameter that is text.
func (d *describer) param(in, name, description string, example any) {
	s := &huma.Schema{Type: huma.TypeString}
	if _, number := example.(int); number {
		s.Type = huma.TypeInteger
	}
	d.op.Parameters = append(d.op.Parameters, &huma.Param{
		In: in, Name: name, Description: description, Required: in == "path", Schema: s, Example: example,
	})
}

// errors adds the problems that every operation can answer.
func (d *describer) errors(o operation) {
	statuses := []int{http.StatusInternalServerError, http.StatusServiceUnavailable}
	if !o.open {
		d.op.Security = []map[string][]string{{"key": o.scopes()}}
		statuses = append(statuses, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusUnprocessableEntity)
	}
	if strings.Contains(o.path(), "{id}") {
		statuses = append(statuses, http.StatusNotFound)
	}
	if d.op.RequestBody != nil {
		statuses = append(statuses, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	for _, status := range statuses {
		if d.op.Responses[strconv.Itoa(status)] == nil {
			d.problem(status, http.StatusText(status))
		}
	}
}

// problem describes an answer that is a problem.
func (d *describer) problem(status int, what string) {
	media := d.media(client.Problem{}, nil)
	d.op.Responses[strconv.Itoa(status)] = &huma.Response{Description: what, Content: map[string]*huma.MediaType{problemType: media}}
}

// headerField describes a header of an answer.
func headerField(description string) *huma.Param {
	return &huma.Param{Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
}
