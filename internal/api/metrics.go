package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gatepost/internal/queue"
)

// countWithin is how long the store may take for the counts of a scrape.
const countWithin = 5 * time.Second

// metrics is what /metrics shows, in a registry of its own.
type metrics struct {
	show     http.Handler
	duration *prometheus.HistogramVec
}

func newMetrics(e *queue.Engine, ends func(context.Context) (map[string]time.Time, error)) *metrics {
	m := &metrics{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gatepost_http_request_duration_seconds",
		Help:    "How long requests took, by route and status.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"method", "route", "status"})}
	reg := prometheus.NewRegistry()
	reg.MustRegister(m.duration, newRecipients(e), newExpiries(ends), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// What can be told is told even when the store cannot be asked.
	m.show = promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return m
}

// route is the measurement of one operation. Paths as they were asked for would
// make a series for each id.
func (m *metrics) route(o operation) func(status int, took time.Duration) {
	method := o.method()
	if method != strings.ToUpper(method) {
		method = "other"
	}
	timings := m.duration.MustCurryWith(prometheus.Labels{"method": method, "route": o.path()})
	return func(status int, took time.Duration) {
		timings.WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
	}
}

// recipients asks the engine for its counts at each scrape.
type recipients struct {
	engine                        *queue.Engine
	state, submitted, unaccounted *prometheus.Desc
}

func newRecipients(e *queue.Engine) *recipients {
	return &recipients{
		engine: e,
		state: prometheus.NewDesc("gatepost_recipients",
			"Recipients of messages by the state they are in.", []string{"state"}, nil),
		submitted: prometheus.NewDesc("gatepost_recipients_submitted_total",
			"Recipients of all messages ever submitted.", nil, nil),
		unaccounted: prometheus.NewDesc("gatepost_recipients_unaccounted",
			"Recipients that were submitted and are in no state. Anything but 0 is a defect: please report it.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (r *recipients) Describe(ch chan<- *prometheus.Desc) {
	ch <- r.state
	ch <- r.submitted
	ch <- r.unaccounted
}

// Collect implements prometheus.Collector.
func (r *recipients) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	counts, err := r.engine.Counts(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(r.state, err)
		return
	}
	for state, n := range counts {
		if state != queue.CountSubmitted {
			ch <- prometheus.MustNewConstMetric(r.state, prometheus.GaugeValue, float64(n), string(state))
		}
	}
	ch <- prometheus.MustNewConstMetric(r.submitted, prometheus.CounterValue, float64(counts[queue.CountSubmitted]))
	ch <- prometheus.MustNewConstMetric(r.unaccounted, prometheus.GaugeValue, float64(counts.Unaccounted()))
}

// showMetrics shows the metrics. They hold counts and timings alone.
func (s *server) showMetrics(c *call) error {
	c.status = http.StatusOK
	s.metrics.show.ServeHTTP(c.w, c.r)
	return nil
}

// expiries asks when something ends next, at each scrape.
type expiries struct {
	next func(context.Context) (map[string]time.Time, error)
	left *prometheus.Desc
}

func newExpiries(next func(context.Context) (map[string]time.Time, error)) *expiries {
	return &expiries{next: next, left: prometheus.NewDesc("gatepost_expiry_seconds",
		"Seconds until the next secret, certificate, consent or the like ends, by kind; below 0 it is over.", []string{"kind"}, nil)}
}

// Describe implements prometheus.Collector.
func (x *expiries) Describe(ch chan<- *prometheus.Desc) { ch <- x.left }

// Collect implements prometheus.Collector.
func (x *expiries) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	next, err := x.next(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(x.left, err)
		return
	}
	for kind, at := range next {
		ch <- prometheus.MustNewConstMetric(x.left, prometheus.GaugeValue, time.Until(at).Seconds(), kind)
	}
}
