package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"gatepost/client"
	"gatepost/internal/email"
)

// decodeFunc reads the next value into v, which is settable.
type decodeFunc func(r *reader, v reflect.Value) error

// decoder reads bodies of one type, which is also what the OpenAPI document is
// made from.
type decoder[T any] struct{ into decodeFunc }

func newDecoder[T any]() decoder[T] { return decoder[T]{planOf(reflect.TypeFor[T]())} }

// decode reads a whole body. The error says that it is not JSON; problems say
// which values are wrong, and those are left out of the result.
func (d decoder[T]) decode(body []byte) (out T, problems []email.Problem, err error) {
	r := &reader{b: body, path: make([]step, 0, 8)}
	if err := d.into(r, reflect.ValueOf(&out).Elem()); err != nil {
		return out, nil, err
	}
	if err := r.end(); err != nil {
		return out, nil, err
	}
	if r.more > 0 {
		r.problems = append(r.problems, email.Problem{Field: "body", Message: fmt.Sprintf("and %d more problems", r.more)})
	}
	return out, r.problems, nil
}

// planOf makes the way to read a type.
func planOf(t reflect.Type) decodeFunc {
	switch {
	case t == reflect.TypeFor[client.Address]():
		return readAddress
	case t == reflect.TypeFor[client.Addresses]():
		return readAddresses
	case t == reflect.TypeFor[client.Headers]():
		return readHeaders
	case t == reflect.TypeFor[client.Time]():
		return readTime
	case t == reflect.TypeFor[json.RawMessage]():
		return readAny
	case t == reflect.TypeFor[[]byte]():
		return readBase64
	case t == reflect.TypeFor[map[string]string]():
		return readMap
	}
	switch t.Kind() {
	case reflect.String:
		return readString
	case reflect.Int:
		return readInt(anyInt)
	case reflect.Bool:
		return readBool
	case reflect.Pointer:
		return readPointer(planOf(t.Elem()))
	case reflect.Slice:
		return readSlice(planOf(t.Elem()))
	case reflect.Struct:
		return readStruct(t)
	}
	panic("no way to read " + t.String())
}

func planOfField(f reflect.StructField) decodeFunc {
	b, bounded := boundsOf(f)
	switch {
	case f.Tag.Get("minLength") == "1":
		return readFilled
	case bounded && f.Type.Kind() == reflect.Int:
		return readInt(b)
	case bounded && f.Type.Kind() == reflect.Pointer:
		return readPointer(readInt(b))
	}
	return planOf(f.Type)
}

func readString(r *reader, v reflect.Value) error {
	if r.peek() != '"' {
		return r.refuse("must be a string")
	}
	s, err := r.str()
	v.SetString(s)
	return err
}

// readFilled reads a string that says something: where a field that is left out stands
// for everything, an empty one is a slip.
func readFilled(r *reader, v reflect.Value) error {
	before := len(r.problems)
	err := readString(r, v)
	if err == nil && v.Len() == 0 && len(r.problems) == before {
		r.wrong("is empty: give a value, or leave it out, which stands for all")
	}
	return err
}

// readBase64 reads base64 (RFC 4648 section 4); line breaks in it do not matter.
func readBase64(r *reader, v reflect.Value) error {
	if r.peek() != '"' {
		return r.refuse("must be a string with base64")
	}
	s, err := r.text()
	if err != nil {
		return err
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(b, s)
	if err != nil {
		r.wrong("not base64 (RFC 4648 section 4, with padding)")
		return nil
	}
	v.SetBytes(b[:n])
	return nil
}

// bounds are those of a whole number, and how they are told.
type bounds struct {
	least, most int64
	text        string
}

var anyInt = bounds{math.MinInt32, math.MaxInt32, "must be a whole number, at most " + strconv.Itoa(math.MaxInt32)}

// boundsOf are what the tags minimum and maximum say, from which the schema is made,
// too. A zero that is written is no default there: it is refused like any other
// number outside.
func boundsOf(f reflect.StructField) (bounds, bool) {
	least, err1 := strconv.ParseInt(f.Tag.Get("minimum"), 10, 32)
	most, err2 := strconv.ParseInt(f.Tag.Get("maximum"), 10, 32)
	return bounds{least, most, fmt.Sprintf("must be a whole number from %d to %d, or be left out", least, most)}, err1 == nil && err2 == nil
}

func readInt(within bounds) decodeFunc {
	return func(r *reader, v reflect.Value) error {
		c := r.peek()
		if c != '-' && (c < '0' || c > '9') {
			return r.refuse(within.text)
		}
		s, err := r.number()
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(s), 10, 32)
		if err != nil || n < within.least || n > within.most {
			r.wrong(within.text)
			return nil
		}
		v.SetInt(n)
		return nil
	}
}

func readBool(r *reader, v reflect.Value) error {
	c := r.peek()
	if c != 't' && c != 'f' {
		return r.refuse("must be true or false")
	}
	v.SetBool(c == 't')
	return r.word()
}

// readAny keeps a value as it stands, for whoever knows what it must be.
func readAny(r *reader, v reflect.Value) error {
	r.peek()
	start := r.i
	if err := r.skip(); err != nil {
		return err
	}
	v.SetBytes(append([]byte(nil), r.b[start:r.i]...))
	return nil
}

func readMap(r *reader, v reflect.Value) error {
	if r.peek() != '{' {
		return r.refuse("must be an object of strings")
	}
	m := map[string]string{}
	v.Set(reflect.ValueOf(m))
	return r.strings(func(name, value string) {
		if _, twice := m[name]; twice {
			r.wrong("given twice")
		}
		m[name] = value
	})
}

// strings reads an object whose values are strings; member is called within the
// path of each.
func (r *reader) strings(member func(name, value string)) error {
	return r.object(func(b []byte) error {
		name := string(b)
		r.path = append(r.path, step{name: name})
		defer func() { r.path = r.path[:len(r.path)-1] }()
		if r.peek() != '"' {
			return r.refuse("must be a string")
		}
		value, err := r.str()
		if err == nil {
			member(name, value)
		}
		return err
	})
}

func readPointer(elem decodeFunc) decodeFunc {
	return func(r *reader, v reflect.Value) error {
		v.Set(reflect.New(v.Type().Elem()))
		return elem(r, v.Elem())
	}
}

func readSlice(elem decodeFunc) decodeFunc {
	return func(r *reader, v reflect.Value) error {
		if r.peek() != '[' {
			return r.refuse("must be a list")
		}
		v.Set(reflect.MakeSlice(v.Type(), 0, 4))
		return r.array(func(i int) error {
			if i >= maxListItems {
				return r.skipRest(i)
			}
			v.Grow(1)
			v.SetLen(i + 1)
			v.Index(i).SetZero()
			return elem(r, v.Index(i))
		})
	}
}

// skipRest goes over an element of a list that is too long and says so once.
func (r *reader) skipRest(i int) error {
	if i == maxListItems {
		r.wrong(fmt.Sprintf("a list has at most %d items", maxListItems))
	}
	return r.skip()
}

// member is one field of a struct as it stands in JSON.
type member struct {
	name   string
	index  []int
	read   decodeFunc
	filled bool
}

// filled tells whether a null is a slip in a field, and not the same as leaving it
// out: where what is left out stands for everything, or has something done.
func filled(f reflect.StructField) bool {
	return f.Tag.Get("minLength") == "1" || f.Tag.Get("null") == "refused"
}

// readStruct reads an object strictly: unknown names and names given twice are
// told. A null is taken as not given, but where it is a slip.
func readStruct(t reflect.Type) decodeFunc {
	members := map[string]int{}
	var list []member
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "" && name != "-" {
			members[name] = len(list)
			list = append(list, member{name, f.Index, planOfField(f), filled(f)})
		}
	}
	return func(r *reader, v reflect.Value) error {
		if r.peek() != '{' {
			return r.refuse("must be an object")
		}
		var seen uint64
		return r.object(func(name []byte) error {
			i, ok := members[string(name)]
			if !ok {
				r.wrongAt(string(name), "unknown field")
				return r.skip()
			}
			if seen&(1<<i) != 0 {
				r.wrongAt(list[i].name, "given twice")
				return r.skip()
			}
			seen |= 1 << i
			return r.member(list[i], v)
		})
	}
}

func (r *reader) member(m member, v reflect.Value) error {
	if r.null() {
		if m.filled {
			r.wrongAt(m.name, "is null: give a value, or leave it out")
		}
		return nil
	}
	r.path = append(r.path, step{name: m.name})
	err := m.read(r, v.FieldByIndex(m.index))
	r.path = r.path[:len(r.path)-1]
	return err
}
