# Each target installs what it needs (Debian, as root) and runs without a terminal. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PREFIX   ?= /usr/local
DESTDIR  ?=
FUZZTIME ?= 60s
AUDIT_RECORDS ?= 20000000
AUDIT_LOG ?=
KEEP     ?=

# A service or a container may start make with no home and a short path; Go needs a place for its caches.
ifeq ($(strip $(HOME)),)
export HOME := $(shell getent passwd "$$(id -u)" | cut -d: -f6)
endif
export PATH := $(PATH):/usr/local/go/bin
# An older Go fetches the version that go.mod names, unless the caller chose one.
ifeq ($(filter-out local,$(GOTOOLCHAIN)),)
export GOTOOLCHAIN := auto
endif
export CGO_ENABLED := 1

DEPS    := internal/setup/deps.sh
# The commit is stamped into the binary where git can tell it; a checkout of another owner has none.
STAMP    = $(if $(shell git rev-parse -q --verify HEAD 2>/dev/null),true,false)
GOBUILD  = go build -trimpath -buildvcs=$(STAMP) -ldflags=-buildid=
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help build checks format test test-apps test-browser test-kills demo bench bench-audit fuzz lint install clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

build: ## build build/matterfs and the auditors' build/matterfs-audit
	@$(DEPS) build
	$(GOBUILD) -o build/matterfs ./cmd/matterfs
	CGO_ENABLED=0 $(GOBUILD) -o build/matterfs-audit ./cmd/matterfs-audit

checks:
	@$(DEPS) build
	@go build -o build/ ./internal/testsum ./internal/fuzzall

format:
	@bad=$$(gofmt -l $$(find . -name '*.go' -not -path './build/*' -not -path './.git/*')); \
	  [ -z "$$bad" ] || { echo "not gofmt-clean:" $$bad >&2; exit 1; }

test: ## all tests as root, with real mounts; then 10 s of every fuzz target
	@$(DEPS) root build mount test
	@$(MAKE) checks format
	go vet ./...
	go vet -tags apps ./internal/apptest
	go vet -tags kills ./internal/killtest
	go vet -tags browser ./audit/report
	go test -json -timeout 20m ./... | build/testsum -o build/test.summary
	build/fuzzall -time 10s
	@cat build/test.summary

test-apps: ## real programs on a real mount: vim, git, sqlite3, rsync, tar, LibreOffice, Samba; rsyslog for the log
	@$(DEPS) root build mount apps
	@$(MAKE) checks build
	MATTERFS_BIN=$(CURDIR)/build/matterfs go test -json -tags apps -count=1 -timeout 40m ./internal/apptest | build/testsum -o build/apps.summary

test-browser: ## reports in a real browser, on screens and on paper (MATTERFS_SHOTS=DIR keeps the pictures)
	@$(DEPS) build browser
	@$(MAKE) checks
	go test -json -tags browser -count=1 -timeout 40m -run '^TestBrowser$$' ./audit/report | build/testsum -o build/browser.summary

test-kills: ## SIGKILL of the daemon under load, 200 times, and what is left then (KILLTEST_KILLS=N for more)
	@$(DEPS) root build mount
	@$(MAKE) checks build
	MATTERFS_BIN=$(CURDIR)/build/matterfs go test -json -tags kills -count=1 -timeout 40m ./internal/killtest | build/testsum -o build/kills.summary

demo: ## the example firm, mounted and shown as each of its people sees it (KEEP=1 leaves it mounted)
	@$(DEPS) root build mount
	@$(MAKE) build
	@KEEP=$(KEEP) examples/lawfirm/demo.sh build/matterfs

bench: ## time to revoke, decisions; cost of the log; speed beside gocryptfs and plain go-fuse (PEERS="ref" limits the set, QUICK=1 is short)
	@$(DEPS) root build mount
	@$(MAKE) build
	@benchmarks/revoke.sh
	@go test -run '^$$' -bench RefusedLookup -benchtime 2000x ./fs
	@benchmarks/auditcost.sh
	@benchmarks/run.sh build/matterfs

bench-audit: ## verify a log; find matters in a year of a 50-person firm (AUDIT_RECORDS=20000000; minutes, 2 GB below $TMPDIR or, kept, in AUDIT_LOG=DIR)
	@$(DEPS) build
	go test -timeout 20m -run '^$$' -bench BenchmarkVerify ./audit
	AUDIT_RECORDS=$(AUDIT_RECORDS) AUDIT_LOG=$(AUDIT_LOG) go test -timeout 2h -run '^$$' -bench BenchmarkQuery -benchtime 5x ./audit

fuzz: ## fuzz every target for FUZZTIME (60s)
	@$(MAKE) checks
	build/fuzzall -time $(FUZZTIME)

lint: ## gofmt, vet, staticcheck, and the log verifier on other systems
	@$(DEPS) build
	@$(MAKE) format
	go vet ./...
	go run $(STATICCHECK) ./...
	go run $(STATICCHECK) -tags apps ./internal/apptest
	go run $(STATICCHECK) -tags kills ./internal/killtest
	go run $(STATICCHECK) -tags browser ./audit/report
	for os in windows darwin; do export CGO_ENABLED=0 GOOS=$$os; go build -o /dev/null ./cmd/matterfs-audit; go vet ./audit/... ./cmd/matterfs-audit ./crypto; done

install: build ## install both commands, manual pages, unit file, mount helper, Samba fragment, policy schema below DESTDIR
	install -D -m 0755 build/matterfs $(DESTDIR)$(PREFIX)/bin/matterfs
	install -D -m 0755 build/matterfs-audit $(DESTDIR)$(PREFIX)/bin/matterfs-audit
	install -D -m 0755 contrib/mount.matterfs $(DESTDIR)/sbin/mount.matterfs
	ln -sf mount.matterfs $(DESTDIR)/sbin/mount.fuse.matterfs
	install -D -m 0644 contrib/matterfs@.service $(DESTDIR)$(PREFIX)/lib/systemd/system/matterfs@.service
	install -D -m 0644 contrib/matterfs-export@.service $(DESTDIR)$(PREFIX)/lib/systemd/system/matterfs-export@.service
	install -D -m 0644 contrib/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/matterfs.conf
	install -D -m 0644 contrib/smb.conf $(DESTDIR)$(PREFIX)/share/doc/matterfs/smb.conf
	install -D -m 0644 policy/schema.json $(DESTDIR)$(PREFIX)/share/matterfs/policy.schema.json
	for page in contrib/man/*.[1-8]; do install -D -m 0644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done

clean: ## remove what was built
	rm -rf build
