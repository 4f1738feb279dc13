package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"gatepost/client"
)

const (
	exampleUploadID = "upl_01jd2q0000e0080g40r40m30e2"
	exampleUpload   = `{"id": "upl_01jd2q0000e0080g40r40m30e2", "filename": "price-list.pdf", "content_type": "application/pdf", "size": 48210,
 "created_at": "2026-11-21T08:00:00.000Z", "expires_at": "2026-12-21T08:00:00.000Z"}`
)

func describeCreateUpload(d *describer) {
	d.about("createUpload", "Keep a file", "For 30 days, so that many messages can attach it by its id. The body is the file itself, with its Content-Type "+
		"and its name in the query; or, without filename in the query, JSON.")
	d.takes(client.NewUpload{}, map[string]string{"JSON": `{"filename": "price-list.txt", "content": "NDIgRVVS"}`})
	d.op.RequestBody.Content["*/*"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The file."}}
	d.param("query", "filename", "The file's name, when the body is the file itself.", "price-list.pdf")
	r := d.gives(http.StatusCreated, "The file is kept.", client.Upload{}, exampleUpload)
	r.Headers["Location"] = headerField("Where it can be looked at.")
}

func describeListUploads(d *describer) {
	d.about("listUploads", "List files that can be attached", "")
	d.gives(http.StatusOK, "All files.", client.UploadList{}, `{"data": [`+exampleUpload+`]}`)
}

func describeShowUpload(d *describer) {
	d.about("showUpload", "Show a file's name and size", "")
	d.id("The upload's id.", exampleUploadID)
	d.gives(http.StatusOK, "The file.", client.Upload{}, exampleUpload)
}

func describeDeleteUpload(d *describer) {
	d.about("deleteUpload", "Remove a file", "Messages that attached it have a copy.")
	d.id("The upload's id.", exampleUploadID)
	d.gives(http.StatusNoContent, "Removed.", nil, "")
}
