package microsoft

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

const (
	// chunkSize is what one part of a file carries: a multiple of 320 KiB below 4 MB, as
	// learn.microsoft.com/graph/outlook-large-attachments advises.
	chunkSize = 12 * 320 << 10
	// smallFile is up to where a file goes in one request.
	smallFile = 3 << 20
)

// attachment is a file in JSON (learn.microsoft.com/graph/api/resources/fileattachment).
type attachment struct {
	Type    string `json:"@odata.type"`
	Name    string `json:"name"`
	Kind    string `json:"contentType,omitempty"`
	Inline  bool   `json:"isInline"`
	ID      string `json:"contentId,omitempty"`
	Content []byte `json:"contentBytes"`
}

// attachAll adds the files of a message to its draft, in order. The message is read once
// more; files is what the first reading found.
func (d drafts) attachAll(ctx context.Context, draft string, msg email.Content, files []file) *provider.Error {
	again := &reading{most: d.a.settings.MaxRequest}
	at := 0
	_, err := walk(msg, func(p *part) error {
		if again.isBody(p) || again.isOtherForm(p) {
			return again.visit(p)
		}
		if at == len(files) {
			return errChanged
		}
		f := files[at]
		at++
		if problem := d.attach(ctx, draft, f, p.body); problem != nil {
			return problem
		}
		return nil
	})
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e
	}
	if err == nil && at != len(files) {
		err = errChanged
	}
	if err != nil {
		return webcall.Unreadable(err)
	}
	return nil
}

var errChanged = errors.New("read the message again: it is another one")

// attach adds a file: at once, or in an upload session where a request cannot hold it.
func (d drafts) attach(ctx context.Context, draft string, f file, content io.Reader) *provider.Error {
	path := "/messages/" + url.PathEscape(draft) + "/attachments"
	if f.size > smallFile {
		return d.session(ctx, path+"/createUploadSession", f, content)
	}
	data, err := exactly(content, f.size)
	if err != nil {
		return webcall.Unreadable(err)
	}
	text, err := json.Marshal(attachment{"#microsoft.graph.fileAttachment", f.name, f.kind, f.inline, f.id, data})
	if err != nil {
		return webcall.Unreadable(err)
	}
	if int64(len(text)) > d.a.settings.MaxRequest {
		return d.session(ctx, path+"/createUploadSession", f, bytes.NewReader(data))
	}
	_, problem := d.post(ctx, path, text)
	return problem
}

// exactly reads content of a known size.
func exactly(content io.Reader, size int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(content, size+1))
	if err == nil && int64(len(data)) != size {
		err = errChanged
	}
	return data, err
}

// post makes a call about a draft, with JSON.
func (d drafts) post(ctx context.Context, path string, text []byte) (got answered, problem *provider.Error) {
	problem = d.a.withToken(ctx, toDraft, func(token email.Secret) (problem *provider.Error) {
		c := call{method: http.MethodPost, path: path, token: token, kind: "application/json", body: bytes.NewReader(text), size: int64(len(text)), p: toDraft}
		if got, problem = d.a.ask(ctx, c, maxPage); problem != nil {
			return problem
		}
		if got.resp.StatusCode/100 != 2 {
			return d.a.refused(provider.StageUpload, toDraft, token, got)
		}
		return nil
	})
	return got, problem
}

// session uploads a file in parts, in order.
func (d drafts) session(ctx context.Context, path string, f file, content io.Reader) *provider.Error {
	to, problem := d.openSession(ctx, path, f)
	if problem != nil {
		return problem
	}
	chunk := make([]byte, min(chunkSize, f.size))
	for at := int64(0); at < f.size; {
		n, err := io.ReadFull(content, chunk[:min(chunkSize, f.size-at)])
		if err != nil {
			return webcall.Unreadable(fmt.Errorf("read a file of the message: %w", err))
		}
		if problem := d.put(ctx, to, chunk[:n], at, f.size); problem != nil {
			return problem
		}
		at += int64(n)
	}
	return nil
}

// openSession asks for the address of an upload. Whoever has it may upload.
func (d drafts) openSession(ctx context.Context, path string, f file) (string, *provider.Error) {
	text, err := json.Marshal(map[string]any{"AttachmentItem": map[string]any{
		"attachmentType": "file", "name": f.name, "size": f.size, "contentType": f.kind, "isInline": f.inline, "contentId": f.id,
	}})
	if err != nil {
		return "", webcall.Unreadable(err)
	}
	got, problem := d.post(ctx, path, text)
	if problem != nil {
		return "", problem
	}
	var opened struct {
		URL string `json:"uploadUrl"`
	}
	err = errors.Join(got.err, json.Unmarshal(got.body, &opened))
	if err == nil {
		err = d.usable(opened.URL)
	}
	if err != nil {
		return "", unexpected("Graph opened an upload and gave no address for it that can be used: "+err.Error()+".", got.id, err)
	}
	return opened.URL, nil
}

// usable tells whether mail may be shown to an address: by TLS, as Graph itself.
func (d drafts) usable(address string) error {
	to, err := url.Parse(address)
	switch {
	case err != nil || to.Host == "":
		return errors.New("it is no address")
	case to.Scheme != "https" && !strings.HasPrefix(address, d.a.base+"/"):
		return errors.New("it is not https")
	}
	return nil
}

// put sends one part. The address is all that proves the caller: with Authorization the
// call is refused.
func (d drafts) put(ctx context.Context, to string, chunk []byte, at, size int64) *provider.Error {
	end := at + int64(len(chunk))
	req, id, err := d.a.request(webcall.Plain(ctx), call{
		method: http.MethodPut, path: to, kind: "application/octet-stream", body: bytes.NewReader(chunk), size: int64(len(chunk)),
	})
	if err != nil {
		return provider.NoAnswer(provider.StageUpload, false, err)
	}
	req.Header.Del("Authorization")
	req.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, end-1, size))
	resp, body, err := d.a.exchange(req, webcall.MaxAnswer)
	switch {
	case resp == nil:
		return named(provider.NoAnswer(provider.StageUpload, false, err), id)
	case resp.StatusCode/100 != 2:
		return d.a.refused(provider.StageUpload, toDraft, email.Secret{}, answered{resp, body, err, id})
	case end == size && resp.StatusCode != http.StatusCreated, end < size && !expects(body, end):
		return unexpected("Graph's answer in the middle of an upload cannot be read.", id, nil)
	}
	return nil
}

// expects tells whether the next part is wanted from that byte on.
func expects(body []byte, from int64) bool {
	var state struct {
		Next []string `json:"nextExpectedRanges"`
	}
	if json.Unmarshal(body, &state) != nil || len(state.Next) == 0 {
		return false
	}
	first, _, _ := strings.Cut(state.Next[0], "-")
	n, err := strconv.ParseInt(first, 10, 64)
	return err == nil && n == from
}

func unexpected(text, id string, err error) *provider.Error {
	return named(&provider.Error{
		Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "unexpected_answer", Err: err, Text: text,
	}, id)
}
