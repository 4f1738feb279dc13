# make run    a sandbox: gatepost with a simulated world, ready for the first message
# make test   all that users rely on, at most 12 minutes on two cores; brings its own PostgreSQL
# make check  formatting, vet, staticcheck, and that imports follow the picture
#
# The long forms, run before a release: kill, nodes, simulate (SEED=7 repeats one history), powercut, race,
# urgent, fuzz (FUZZTIME=30s for each target), bench (BENCH=short for five minutes; see bench/README.md).

PG = scripts/with-postgres
FUZZTIME ?= 30s
HISTORIES ?= 5000

.PHONY: run build test check format kill nodes simulate powercut race fuzz bench urgent

run: build
	bin/gatepost sandbox

build:
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o bin/gatepost ./cmd/gatepost

test:
	$(PG) scripts/test

check:
	scripts/check

format:
	go tool gofumpt -w .

kill:
	GATEPOST_KILL=full GATEPOST_KILL_REPORT=$(CURDIR)/docs/kill.md $(PG) go test -count=1 -timeout 90m -v ./test/kill/...

nodes:
	GATEPOST_NODES=full $(PG) go test -count=1 -timeout 15m -v ./test/nodes

simulate:
	GOGC=800 GATEPOST_SIMULATE_SEED=$(SEED) GATEPOST_SIMULATE_FROM=$(FROM) GATEPOST_SIMULATE_HISTORIES=$(HISTORIES) go test -count=1 -timeout 240m -v -run '$(if $(SEED),^TestSimulation$$,TestSimulation)' ./internal/queue

urgent:
	GATEPOST_URGENT=full $(PG) go test -count=1 -timeout 30m -v -run '^TestUrgentUnderBacklog$$' ./internal/queue

powercut:
	scripts/powercut

race:
	$(PG) go test -race -count=1 -timeout 60m ./...

fuzz:
	scripts/fuzz $(FUZZTIME)

bench:
	$(PG) go run ./bench/run
