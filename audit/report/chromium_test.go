//go:build browser

package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromium is a headless Chromium that is spoken to over a pipe, in the DevTools protocol: messages of JSON, each ended by a zero byte.
type chromium struct {
	cmd  *exec.Cmd
	to   *os.File
	done chan struct{} // closed when it says no more

	mu      sync.Mutex
	last    int
	waiting map[int]chan reply
	events  []cdpEvent
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// cdpEvent is something that the browser tells by itself.
type cdpEvent struct {
	Session string
	Method  string
	Params  json.RawMessage
}

// answerTime is for a machine that has much else to do.
const answerTime = 2 * time.Minute

// startChromium starts one that may not speak to anybody. It ends with the test. One that falls while it starts, which happens on a
// machine with much else to do, is started again, twice.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	for try := 1; ; try++ {
		b := launch(t)
		answer, err := b.ask("", "Browser.getVersion", nil)
		if err == nil {
			t.Logf("%s", answer)
			t.Cleanup(func() { b.stop(t) })
			return b
		}
		b.stop(t)
		if t.Logf("chromium, start %d: %v", try, err); try == 3 {
			t.Fatal("chromium does not start")
		}
	}
}

func launch(t *testing.T) *chromium {
	t.Helper()
	theirIn, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b := &chromium{to: to, done: make(chan struct{}), waiting: map[int]chan reply{}}
	b.cmd = exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	b.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	if err := b.cmd.Start(); err != nil {
		t.Fatalf("chromium: %v; Debian's package is called chromium", err)
	}
	theirIn.Close()
	theirOut.Close()
	go b.listen(from)
	return b
}

// stop ends it: it is asked first, so that it takes its own children along.
func (b *chromium) stop(t *testing.T) {
	b.send(0, "", "Browser.close", nil)
	ended := make(chan error, 1)
	go func() { ended <- b.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(answerTime):
		t.Error("chromium does not end when asked to")
		b.cmd.Process.Kill()
		<-ended
	}
	b.to.Close()
}

func (b *chromium) listen(from *os.File) {
	defer close(b.done)
	defer from.Close()
	for r := bufio.NewReader(from); ; {
		msg, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID        int
			SessionID string
			Method    string
			Params    json.RawMessage
			reply
		}
		if json.Unmarshal(bytes.TrimSuffix(msg, []byte{0}), &m) != nil {
			continue
		}
		b.mu.Lock()
		if m.Method != "" {
			b.events = append(b.events, cdpEvent{m.SessionID, m.Method, m.Params})
		} else if c := b.waiting[m.ID]; c != nil {
			delete(b.waiting, m.ID)
			c <- m.reply
		}
		b.mu.Unlock()
	}
}

func (b *chromium) send(id int, session, method string, params any) error {
	m := map[string]any{"id": id, "method": method}
	if session != "" {
		m["sessionId"] = session
	}
	if params != nil {
		m["params"] = params
	}
	msg, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = b.to.Write(append(msg, 0))
	return err
}

// ask asks for something and waits for the answer.
func (b *chromium) ask(session, method string, params any) (json.RawMessage, error) {
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = answer
	b.mu.Unlock()
	if err := b.send(id, session, method, params); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		return r.Result, nil
	case <-b.done:
		return nil, fmt.Errorf("%s: chromium has ended", method)
	case <-time.After(answerTime):
		return nil, fmt.Errorf("%s: no answer in %v", method, answerTime)
	}
}

// call asks for something that must succeed.
func (b *chromium) call(t *testing.T, session, method string, params, result any) {
	t.Helper()
	answer, err := b.ask(session, method, params)
	if err == nil && result != nil {
		err = json.Unmarshal(answer, result)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tab is one page.
type tab struct {
	t       *testing.T
	b       *chromium
	session string
	target  string
}

func (b *chromium) open(t *testing.T, url string, width int, dark bool) *tab {
	t.Helper()
	p := &tab{t: t, b: b}
	var made struct{ TargetID string }
	b.call(t, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &made)
	p.target = made.TargetID
	var attached struct{ SessionID string }
	b.call(t, "", "Target.attachToTarget", map[string]any{"targetId": p.target, "flatten": true}, &attached)
	p.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		p.call(domain+".enable", nil, nil)
	}
	p.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700}, nil)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	p.call("Page.navigate", map[string]any{"url": url}, nil)
	p.until("the page is there", `document.readyState === "complete" && location.href !== "about:blank"`)
	t.Cleanup(func() { b.call(t, "", "Target.closeTarget", map[string]any{"targetId": p.target}, nil) })
	return p
}

func (p *tab) call(method string, params, result any) {
	p.t.Helper()
	p.b.call(p.t, p.session, method, params, result)
}

// eval is the value of an expression in the page.
func (p *tab) eval(js string, result any) {
	p.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Text string }
	}
	p.call("Runtime.evaluate", map[string]any{"expression": js, "returnByValue": true}, &r)
	if r.ExceptionDetails != nil {
		p.t.Fatalf("%s: %s", js, r.ExceptionDetails.Text)
	}
	if err := json.Unmarshal(r.Result.Value, result); err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
}

func (p *tab) until(what, js string) {
	p.t.Helper()
	for end := time.Now().Add(answerTime); ; time.Sleep(20 * time.Millisecond) {
		var ok bool
		if p.eval(js, &ok); ok {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("not within %v: %s", answerTime, what)
		}
	}
}

// told are the events of a page of some kinds.
func (p *tab) told(methods ...string) (list []string) {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	for _, e := range p.b.events {
		for _, m := range methods {
			if e.Session == p.session && e.Method == m {
				list = append(list, m+" "+string(e.Params))
			}
		}
	}
	return list
}

// asked are the addresses that a page asked for.
func (p *tab) asked() (urls []string) {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	for _, e := range p.b.events {
		if e.Session != p.session || e.Method != "Network.requestWillBeSent" {
			continue
		}
		var r struct{ Request struct{ URL string } }
		if err := json.Unmarshal(e.Params, &r); err != nil {
			p.t.Fatal(err)
		}
		urls = append(urls, r.Request.URL)
	}
	return urls
}

// complaints are what the console shows, what failed, and dialogs.
func (p *tab) complaints() []string {
	return p.told("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")
}

// screenshot is the upper part of the page as PNG.
func (p *tab) screenshot(width int) []byte {
	p.t.Helper()
	var r struct{ Data []byte }
	clip := map[string]any{"x": 0, "y": 0, "width": width, "height": 1800, "scale": 1}
	p.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true, "clip": clip}, &r)
	p.keep(fmt.Sprintf("%d.png", width), r.Data)
	return r.Data
}

// keep leaves a picture for people to look at in the directory that MATTERFS_SHOTS names.
func (p *tab) keep(ending string, data []byte) {
	p.t.Helper()
	dir := os.Getenv("MATTERFS_SHOTS")
	if dir == "" {
		return
	}
	name := strings.ReplaceAll(strings.TrimPrefix(p.t.Name(), "TestBrowser/"), "/", "-") + "." + ending
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// pdf prints the page to a file.
func (p *tab) pdf(file string) {
	p.t.Helper()
	var r struct{ Data []byte }
	p.call("Page.printToPDF", map[string]any{"preferCSSPageSize": true, "printBackground": false}, &r)
	p.keep("pdf", r.Data)
	if err := os.WriteFile(file, r.Data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// poppler runs one of its programs.
func poppler(t *testing.T, argv ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s; Debian's package is called poppler-utils", strings.Join(argv, " "), err, &said)
	}
	return string(out)
}

// fileURL is the address of a file.
func fileURL(file string) string { return fmt.Sprintf("file://%s", file) }
