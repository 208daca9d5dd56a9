package audit

import (
	"io"
	"runtime"
	"sync"
)

// judged is a line with what does not depend on the lines before it.
type judged struct {
	b    []byte // without LF
	size int64  // bytes it takes in the file
	h    header
	why  string // not empty: the line is no record
	leaf [32]byte
}

// lineTooLong is what is wrong with a line of more than MaxLine bytes.
const lineTooLong = "is longer than a line may be"

// judgeLine looks at one line alone.
func judgeLine(ln rawLine, hash *hasher) judged {
	j := judged{b: ln.b, size: ln.size}
	j.parse(true, ln.long)
	if j.why == "" {
		j.leaf = hash.leaf(ln.b)
	}
	return j
}

func (j *judged) parse(strict, long bool) {
	if long {
		j.why = lineTooLong
		return
	}
	if !strict {
		var ok bool
		if j.h, ok = quick(j.b); ok {
			return
		}
	}
	j.h, j.why = parseHeader(j.b)
}

// judges has lines judged on all processors, ahead of who takes them in order. Who judges a chunk has read it: the bytes are still in
// the cache of that processor.
type judges struct {
	strict bool
	free   chan *chunk
	order  chan *chunk // in the order of the file

	mu   sync.Mutex // guards file, and the order of sending to order, which always has room
	file chunker
	done bool // the file was read to its end
}

// next reads a chunk; nil when there are no more.
func (p *judges) next() *chunk {
	c := <-p.free
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		p.free <- c
		return nil
	}
	p.file.fill(c)
	p.order <- c
	if p.done = c.err != nil; p.done {
		close(p.order)
	}
	return c
}

func (p *judges) work() {
	for c := p.next(); c != nil; c = p.next() {
		c.judge(p.strict)
	}
}

// eachJudged calls fn for all complete lines of r in order and returns how many bytes without LF stand at its end.
func eachJudged(r io.Reader, strict bool, fn func(j *judged)) (torn int64, err error) {
	return judgeChunks(chunker{r: r, size: chunkBytes}, strict, fn)
}

func judgeChunks(file chunker, strict bool, fn func(j *judged)) (torn int64, err error) {
	workers := runtime.GOMAXPROCS(0)
	chunks := 2*workers + 1
	p := &judges{strict: strict, free: make(chan *chunk, chunks), order: make(chan *chunk, chunks), file: file}
	for range chunks {
		p.free <- &chunk{ready: make(chan struct{}, 1), lines: make([]judged, 0, file.size/256)}
	}
	for range workers {
		go p.work()
	}
	for c := range p.order {
		<-c.ready
		for i := range c.lines {
			fn(&c.lines[i])
		}
		torn, err = c.torn, c.err // after this it may be filled again
		p.free <- c
	}
	if err == io.EOF {
		err = nil
	}
	return torn, err
}
