package report

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"matterfs/audit"
)

// sampleTexts are what the report says.
var sampleTexts = texts{
	"report": {"Random sample of accesses", "访问记录抽查表"},
	"method": {"Population: %d records. Of each, SHA-256 is taken over the text SEED:NUMBER (the seed, a colon, the number of the record in decimal, nothing else), and the %d records with the smallest values are drawn (%s). Anybody who has the log and the seed draws the same: audit query with the filter below and --json lists the population.",
		"总体:%d 条记录。对每条记录计算 SHA-256(文本为 种子:记录号,即种子、半角冒号、十进制记录号,无其他字符),取值最小的 %d 条(%s)。持有日志与种子者可得到相同样本:以下列条件执行 audit query --json 即得总体。"},
	"drawn": {"Records drawn", "抽中记录"}, "strata": {"Strata", "分层"},
	"stratum": {"stratum", "层"}, "population": {"population", "总体"}, "taken": {"drawn", "抽取"},
	"population.n": {"population", "总体记录数"}, "drawn.n": {"records drawn", "抽取记录数"}, "seed": {"seed", "种子"},
	"digest": {"SHA-256", "SHA-256"}, "finding": {"in order? remarks", "是否合规、备注"}, "client": {"client", "客户"},
	"sign.1": {"Drawn and checked by", "抽查人"}, "sign.2": {"Reviewed by", "复核人"},
	"seed.note": {"chosen at random when none was given", "未指定时随机产生"},
	"by.":       {"of the whole", "不分层"}, "by.matter": {"of each matter", "每案"}, "by.level": {"of each level", "每一密级"}, "by.client": {"of each client", "每一客户"},
	"by.user": {"of each person", "每人"},
}

func sampleSpec() Spec {
	return Spec{Name: "sample", Short: [2]string{"reproducible random sample of opens, to be checked one by one", "可复现的随机抽查(半年抽查)"},
		Params: []ParamSpec{
			{Key: "n", Default: "25", Help: [2]string{"size, of each stratum", "样本量(每层)"}},
			{Key: "by", Help: [2]string{"strata: matter, client, level or user", "分层依据:matter、client、level 或 user"}},
			{Key: "seed", Help: [2]string{"seed", "种子"}},
			{Key: "matter", Help: [2]string{"matter", "案件"}}, {Key: "user", Help: [2]string{"user", "用户"}}},
		New: newSample}
}

// sampleReport draws opens at random (R38). Population: records of open and create that were allowed, in the period. Each has the value
//
//	SHA-256(SEED ":" NUMBER)
//
// over ASCII, NUMBER in decimal; of each stratum the n smallest values are drawn. Whoever has the log and the seed draws the same.
type sampleReport struct {
	in     Input
	n      int
	seed   string
	by     string
	strata map[string]*stratum
}

// stratum is a part of the population.
type stratum struct {
	size  int
	drawn []draw // the smallest values so far, ascending
}

type draw struct {
	digest [sha256.Size]byte
	p      *audit.Parsed
}

func newSample(in Input) (Builder, error) {
	s := &sampleReport{in: in, seed: in.Params["seed"], by: in.Params["by"], strata: map[string]*stratum{}}
	n, err := strconv.Atoi(in.Params["n"])
	if err != nil || n < 1 || n > 1_000_000 {
		return nil, &ParamError{Report: "sample", Key: "n", What: fmt.Sprintf("%q is no number from 1 to 1000000", in.Params["n"])}
	}
	s.n = n
	if _, ok := sampleTexts["by."+s.by]; !ok {
		return nil, &ParamError{Report: "sample", Key: "by", What: fmt.Sprintf("%q is not matter, client, level or user", s.by),
			Like: audit.Nearest(s.by, []string{"matter", "client", "level", "user"})}
	}
	if s.seed == "" {
		b := make([]byte, 8)
		if _, err := rand.Read(b); err != nil {
			return nil, err
		}
		s.seed = hex.EncodeToString(b)
	}
	return s, nil
}

// Filter implements Builder.
func (s *sampleReport) Filter() string { return openFilter + s.in.narrow("matter", "user") }

// Add implements Builder.
func (s *sampleReport) Add(_ []byte, p *audit.Parsed) error {
	key := map[string]string{"matter": p.Matter, "client": p.Client, "level": p.Level, "user": s.in.who(p)}[s.by]
	x := s.strata[key]
	if x == nil {
		x = new(stratum)
		s.strata[key] = x
	}
	x.size++
	d := draw{sha256.Sum256(fmt.Appendf(nil, "%s:%d", s.seed, p.Seq)), p}
	at, _ := slices.BinarySearchFunc(x.drawn, d, compareDraws)
	if at < s.n {
		x.drawn = slices.Insert(x.drawn, at, d)
		x.drawn = x.drawn[:min(len(x.drawn), s.n)]
	}
	return nil
}

func compareDraws(a, b draw) int {
	return cmp.Or(bytes.Compare(a.digest[:], b.digest[:]), cmp.Compare(a.p.Seq, b.p.Seq))
}

// Report implements Builder.
func (s *sampleReport) Report() (*Report, error) {
	if len(s.strata) == 0 {
		if err := s.in.knownParams(); err != nil {
			return nil, err
		}
	}
	rep := &Report{Title: s.in.text(sampleTexts, "report"), Sections: []Section{s.summary()}, Limits: []string{s.in.text(nameTexts, "limit.verify")}}
	if s.by != "" {
		rep.Sections = append(rep.Sections, s.strataSection())
	}
	rep.Sections = append(rep.Sections, s.drawnSection())
	return rep, nil
}

func (s *sampleReport) summary() Section {
	in := &s.in
	size, drawn := 0, 0
	for _, x := range s.strata {
		size, drawn = size+x.size, drawn+len(x.drawn)
	}
	sec := in.section(sampleTexts, "summary", s.Filter())
	sec.Intro = in.text(sampleTexts, "method", size, s.n, in.text(sampleTexts, "by."+s.by))
	seed := Figure{ID: "seed", Label: in.text(sampleTexts, "seed"), Value: s.seed, Kind: Hash}
	if in.Params["seed"] == "" {
		seed.Note = in.text(sampleTexts, "seed.note")
	}
	sec.Figures = []Figure{in.figure(sampleTexts, "population.n", int64(size), s.Filter()), in.figure(sampleTexts, "drawn.n", int64(drawn), ""), seed}
	return sec
}

func (s *sampleReport) strataSection() Section {
	sec := s.in.section(sampleTexts, "strata", "")
	t := s.in.table(sampleTexts, "stratum", "population:number", "taken:number")
	for _, key := range slices.SortedFunc(maps.Keys(s.strata), strings.Compare) {
		t.add(key, int64(s.strata[key].size), int64(len(s.strata[key].drawn)))
	}
	sec.Table = t
	return sec
}

func (s *sampleReport) drawnSection() Section {
	sec := s.in.section(sampleTexts, "drawn", "")
	t := s.in.table(sampleTexts, "seq:seq", "time:time", "user", "matter", "client", "level", "path", "op", "purpose", "rule:hash", "program", "digest:hash", "finding:blank")
	for _, key := range slices.SortedFunc(maps.Keys(s.strata), strings.Compare) {
		for _, d := range s.strata[key].drawn {
			p := d.p
			t.add(p.Seq, s.in.at(p.Time), s.in.userCells(s.in.who(p)), s.in.matterCells(p.Matter), p.Client, p.Level, p.Path, s.in.op(p.Ev),
				p.Purpose, p.Rule, program(p), hex.EncodeToString(d.digest[:]), nil)
		}
	}
	sec.Table = t
	sec.Sign = []string{s.in.text(sampleTexts, "sign.1"), s.in.text(sampleTexts, "sign.2")}
	return sec
}
