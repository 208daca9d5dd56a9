package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// askTime is how long a witness has for one answer.
	askTime = 10 * time.Second
	// maxAnswer is the greatest answer that is read.
	maxAnswer = 64 << 10
)

// AnswerError is an answer of a witness that is not the one asked for.
type AnswerError struct {
	Status int
	Text   string // its first line
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("the witness answered %d: %s", e.Status, e.Text)
}

// ForkError says that a witness has signed something of a log that the log as it is does not go on from: it has two histories. Somebody
// rewrote it or rolled it back, or a witness was given the wrong log.
type ForkError struct{ Cause error }

func (e *ForkError) Error() string {
	return "the log is not the one that the witness has signed: " + e.Cause.Error()
}
func (e *ForkError) Unwrap() error { return e.Cause }

// client speaks with one witness.
type client struct {
	base string
	http *http.Client
}

// CheckURL says why a URL is none of a witness: https, or http to this machine itself.
func CheckURL(raw string) error {
	_, err := newClient(raw)
	return err
}

func newClient(raw string) (*client, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, err
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q is no URL like https://witness.example/log", raw)
	case u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname())):
		return nil, fmt.Errorf("%q: a witness on another machine is asked by https only", raw)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // https might lead to http
	return &client{strings.TrimSuffix(u.String(), "/"), &http.Client{CheckRedirect: stay, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2: true,
	}}}, nil
}

// ask sends a request and returns the answer, whatever its status.
func (c *client) ask(ctx context.Context, method, path, body string) (status int, answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.base+"/"+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	a, err := c.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = errors.New("the answer of the witness is too long")
	}
	return a.StatusCode, string(b), err
}

func answerError(status int, text string) error {
	line, _, _ := strings.Cut(text, "\n")
	return &AnswerError{status, strings.ToValidUTF8(line[:min(len(line), 200)], "?")}
}

// standing is how far a witness has followed a log. A witness that does not follow keys has no key here.
type standing struct {
	vkey string
	size uint64
}

// standing asks for it; ok is false where the witness knows no such question.
func (c *client) standing(ctx context.Context, log string) (s standing, ok bool, err error) {
	status, text, err := c.ask(ctx, http.MethodGet, log+"/epoch", "")
	switch {
	case err != nil:
		return s, false, err
	case status == statusUnknown || status == http.StatusMethodNotAllowed:
		return s, false, nil
	case status != http.StatusOK:
		return s, false, answerError(status, text)
	}
	s, err = parseStanding(text)
	return s, true, err
}

func parseStanding(text string) (standing, error) {
	l := strings.Split(text, "\n")
	if len(l) != 3 || l[2] != "" {
		return standing{}, errors.New("the answer of the witness is not a key and a size")
	}
	n, err := strconv.ParseUint(l[1], 10, 63)
	return standing{l[0], n}, err
}

// change brings changes of keys.
func (c *client) change(ctx context.Context, log, body string) (standing, error) {
	status, text, err := c.ask(ctx, http.MethodPost, log+"/epoch", body)
	switch {
	case err != nil:
		return standing{}, err
	case status == statusInconsistent:
		return standing{}, &ForkError{answerError(status, text)}
	case status != http.StatusOK:
		return standing{}, answerError(status, text)
	}
	return parseStanding(text)
}
