package witness

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Answers of C2SP tlog-witness.
const (
	statusBad          = http.StatusBadRequest
	statusForbidden    = http.StatusForbidden
	statusUnknown      = http.StatusNotFound
	statusConflict     = http.StatusConflict
	statusInconsistent = http.StatusUnprocessableEntity
	statusFailed       = http.StatusInternalServerError
)

const (
	// maxBody is the greatest body of a request: 63 hashes, and a checkpoint with some large signatures.
	maxBody = 128 << 10
	// maxProof is how many hashes a proof may have.
	maxProof = 63
	// sizeType is the type of the answer that tells the size signed last.
	sizeType = "text/x.tlog.size"
	// atOnce is how many requests are worked on at one time; others are told to come later.
	atOnce = 32
)

// Handler answers
//
//	POST add-checkpoint           C2SP tlog-witness
//	GET  ORIGIN HASH/checkpoint   the newest checkpoint signed, likewise
//	GET  ORIGIN HASH/epoch        the key in force and the size signed last, a line each
//	POST ORIGIN HASH/epoch        a change of keys; answers as GET does
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", func(rw http.ResponseWriter, r *http.Request) {
		w.answer(rw, r, func() (string, error) {
			g, err := readGrowth(rw, r)
			if err != nil {
				return "", err
			}
			return w.AddCheckpoint(g)
		})
	})
	for pattern, serve := range map[string]func(*tracked, http.ResponseWriter, *http.Request) (string, error){
		"GET /{log}/checkpoint": w.newest, "GET /{log}/epoch": w.epoch, "POST /{log}/epoch": w.change,
	} {
		mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
			w.answer(rw, r, func() (string, error) {
				t, ok := w.logs[r.PathValue("log")]
				if !ok {
					return "", refuse(statusUnknown, "this witness does not know a log of that hash")
				}
				return serve(t, rw, r)
			})
		})
	}
	return few(mux)
}

// few lets so many requests in as there is memory for.
func few(h http.Handler) http.Handler {
	places := make(chan struct{}, atOnce)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			h.ServeHTTP(rw, r)
		default:
			rw.Header().Set("Retry-After", "10")
			http.Error(rw, "too many requests at once", http.StatusServiceUnavailable)
		}
	})
}

// answer writes what do says, and tells of it.
func (w *Witness) answer(rw http.ResponseWriter, r *http.Request, do func() (string, error)) {
	body, err := do()
	status, kind := http.StatusOK, "text/plain; charset=utf-8"
	why := ""
	var no *refusal
	if errors.As(err, &no) {
		status, body, why = no.status, no.why+"\n", no.why
		if status == statusConflict {
			body, kind = strconv.FormatUint(no.size, 10)+"\n", sizeType
		}
	} else if err != nil {
		status, body, why = statusFailed, "failed\n", err.Error()
	}
	rw.Header().Set("Content-Type", kind)
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(status)
	io.WriteString(rw, body) // a client that is gone is told nothing
	w.o.Talk(fmt.Sprintf("%s %s %q %d %q", r.RemoteAddr, r.Method, r.URL.Path, status, why))
}

func (w *Witness) newest(t *tracked, _ http.ResponseWriter, _ *http.Request) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.note == "" {
		return "", refuse(statusUnknown, "nothing of this log was signed yet")
	}
	return t.state.note, nil
}

func (w *Witness) epoch(t *tracked, _ http.ResponseWriter, _ *http.Request) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%s\n%d\n", t.state.row.Key, t.state.last.Size), nil
}

func (w *Witness) change(t *tracked, rw http.ResponseWriter, r *http.Request) (string, error) {
	g, err := readGrowth(rw, r)
	if err == nil {
		err = w.AddEpoch(t, g)
	}
	if err != nil {
		return "", err
	}
	return w.epoch(t, rw, r)
}

// growth is the body of a request: from which size to what.
type growth struct {
	old   uint64
	proof [][32]byte
	rest  string // after the empty line
}

func readGrowth(rw http.ResponseWriter, r *http.Request) (g growth, err error) {
	b, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return g, refuse(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", maxBody)
	case err != nil:
		return g, refuse(statusBad, "the body cannot be read: %v", err)
	}
	g, why := parseGrowth(string(b))
	if why != "" {
		return g, refuse(statusBad, "%s", why)
	}
	return g, nil
}

// parseGrowth reads the body of add-checkpoint and nothing else; what follows the empty line is not looked at.
func parseGrowth(body string) (g growth, why string) {
	line, body, ok := strings.Cut(body, "\n")
	num, isOld := strings.CutPrefix(line, "old ")
	n, err := strconv.ParseUint(num, 10, 63)
	if !ok || !isOld || err != nil || strconv.FormatUint(n, 10) != num {
		return g, "the first line is not \"old\" and a size"
	}
	g.old = n
	for {
		if line, body, ok = strings.Cut(body, "\n"); !ok {
			return g, "no empty line and no checkpoint follow the proof"
		}
		if line == "" {
			break
		}
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != 32 || len(g.proof) == maxProof {
			return g, fmt.Sprintf("a line of the proof is no hash, or there are more than %d", maxProof)
		}
		g.proof = append(g.proof, [32]byte(h))
	}
	if g.rest = body; body == "" {
		return g, "nothing follows the empty line"
	}
	return g, ""
}
