package api

import (
	"net/http"

	"gatepost/client"
)

// Descriptions of operations stand in describe_*.go by subject, with examples that
// the tests send. These are of what needs no key.

func describeDocument(d *describer) {
	d.about("showDocument", "This document", "")
	d.gives(http.StatusOK, "OpenAPI 3.1.", nil, "")
}

func describeHealth(d *describer) {
	d.about("showHealth", "Whether the process lives", "")
	d.gives(http.StatusOK, "It lives.", client.Health{}, `{"status": "ok", "version": "0.1.0"}`)
}

func describeReady(d *describer) {
	d.about("showReady", "Whether messages can be taken", "Commits a write to find out; one in a second for all who ask.")
	d.gives(http.StatusOK, "They can.", client.Health{}, `{"status": "ok"}`)
}

func describeMetrics(d *describer) {
	d.about("showMetrics", "Metrics for Prometheus", "")
	d.gives(http.StatusOK, "Text in the exposition format.", nil, "")
}
