package audit

import (
	"crypto/sha256"
	"io"
	"runtime"
)

// judged is a line with what does not depend on the lines before it.
type judged struct {
	b    []byte // without LF
	size int64  // bytes it takes in the file
	h    header
	why  string // not empty: the line is no record
	leaf [32]byte
}

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
	if !strict && !long {
		var ok bool
		if j.h, ok = quick(j.b); ok {
			return
		}
	}
	j.h, j.why = parseHeader(j.b)
	if long {
		j.why = "is longer than a line may be"
	}
}

// chunk is a run of lines that one goroutine judges while others read and join.
type chunk struct {
	buf   []byte // 0x00 and the line, for each line: what is hashed stands in one piece
	ends  []int  // where each line ends in buf
	sizes []int64
	long  []bool
	lines []judged
	ready chan struct{} // one token when lines are judged
	torn  int64         // bytes after the last LF of the file
	err   error         // of reading, io.EOF at the end of the file
}

// chunkBytes is how much a chunk holds, unless a single line is longer.
const chunkBytes = 1 << 18

// fill takes lines from l until the chunk is full or the file ends.
func (c *chunk) fill(l *lines) {
	c.buf, c.ends, c.sizes, c.long, c.lines = c.buf[:0], c.ends[:0], c.sizes[:0], c.long[:0], c.lines[:0]
	c.torn, c.err = 0, nil
	for len(c.buf) < chunkBytes {
		ln, err := l.next()
		if err == nil && ln.torn {
			c.torn, err = ln.size, io.EOF
		}
		if err != nil {
			c.err = err
			return
		}
		c.buf = append(append(c.buf, 0x00), ln.b...)
		c.ends = append(c.ends, len(c.buf))
		c.sizes = append(c.sizes, ln.size)
		c.long = append(c.long, ln.long)
	}
}

// judge fills lines. It runs beside other chunks.
func (c *chunk) judge(strict bool) {
	start := 0
	for i, end := range c.ends {
		j := judged{b: c.buf[start+1 : end], size: c.sizes[i]}
		j.parse(strict, c.long[i])
		if j.why == "" {
			j.leaf = sha256.Sum256(c.buf[start:end])
		}
		c.lines = append(c.lines, j)
		start = end
	}
	c.ready <- struct{}{}
}

// eachJudged calls fn for all complete lines of r in order and returns how many bytes without LF stand at its end. Reading and
// judging run ahead of fn, on all processors.
func eachJudged(r io.Reader, strict bool, fn func(j *judged)) (torn int64, err error) {
	workers := runtime.GOMAXPROCS(0)
	free := make(chan *chunk, 2*workers+1)
	for range cap(free) {
		free <- &chunk{ready: make(chan struct{}, 1)}
	}
	work, order := make(chan *chunk, cap(free)), make(chan *chunk, cap(free))
	go func() {
		defer close(work)
		defer close(order)
		l := newLines(r)
		for {
			c := <-free
			c.fill(l)
			end := c.err != nil
			work <- c
			order <- c
			if end {
				return
			}
		}
	}()
	for range workers {
		go func() {
			for c := range work {
				c.judge(strict)
			}
		}()
	}
	for c := range order {
		<-c.ready
		for i := range c.lines {
			fn(&c.lines[i])
		}
		torn, err = c.torn, c.err // after this the reading goroutine may fill it again
		free <- c
	}
	if err == io.EOF {
		err = nil
	}
	return torn, err
}
