// Package cli has the commands that read a log: verify, tail, query, report, prove, bundle, checkpoint, key, export and witness. They need
// nothing but the packages below audit, so that the same commands stand in matterfs, which knows the store and its daemon, and in matterfs-audit, which an
// auditor takes along on any system.
//
// A Tool says where a log is found and who is to be told of a query; each New function makes one command (cobra) of it:
//
//	root.AddCommand(cli.NewVerify(t), cli.NewTail(t), cli.NewQuery(t))
//
// Errors are returned, not printed. What was wrong with the command line is a *UsageError or an *audit.FilterError; an *ExitError
// ends the program with its code, for its reason has been told.
package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"matterfs/audit/report"
)

// Tool is what the commands work with. All fields but Zone, Note and Facts must be set.
type Tool struct {
	Name     string    // of the program, which begins what it says on Err
	Out, Err io.Writer // data; talk
	Lang     string    // "zh" or "en"
	JSON     *bool     // --json was given; read when a command runs

	// Find gives the log of a store or of a log directory; dir is empty where none was named.
	Find func(dir string) (Place, error)
	// StoreID gives the id of the store that the log in dir belongs to; given is that of --store-id.
	StoreID func(dir, given string) (string, error)
	// Ended says how a command ends that was told to by a signal.
	Ended func(context.Context) error
	// Zone is the firm's time zone; nil: that of the machine.
	Zone func(dir string) *time.Location
	// Note records in the log itself that somebody searches it, before they see what is there. nil: nobody can.
	Note func(dir, what string) error
	// Facts is what a report needs to know beside the log, for a period; from is zero for all of it. nil: they must be taken along.
	Facts func(dir string, from, until time.Time) (*report.Facts, error)
}

// Place is where a log and its head are found. State may be empty.
type Place struct{ Log, State string }

// UsageError is a command line that cannot be acted on.
type UsageError struct{ Msg string }

func (e *UsageError) Error() string { return e.Msg }

func usage(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// ExitError ends the program with a code; why was told already.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

func (t *Tool) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(t.Out, format, args...)
	return err
}

// printJSON writes one value on one line. HTML escapes are off: names are read by people too.
func (t *Tool) printJSON(v any) error {
	e := json.NewEncoder(t.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// say tells a person something, in their language.
func (t *Tool) say(m msg, args ...any) {
	fmt.Fprintf(t.Err, "%s: %s\n", t.Name, t.text(m, args...))
}

func optional(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// msg names a text.
type msg int

const (
	msgVerifyOK msg = iota
	msgVerifyBad
	msgUnanchored
	msgNotRecorded
	msgCopy
	msgIndexUnkept
	msgDamagedLines
	msgProofOK
	msgProofNote
	msgSealWait
	msgBundleDone
	msgWitnessServes
	msgWitnessEnds
	msgExportBegin
	msgExportWaits
	msgExportBack
	msgExportDone
	msgNoFacts
)

func (t *Tool) text(m msg, args ...any) string {
	table := map[msg][2]string{
		msgVerifyOK:     {"log ok: %d records, %d to %d", "日志完好:%d 条记录,%d 至 %d"},
		msgVerifyBad:    {"log not ok: %d problems in %d records", "日志有问题:%[2]d 条记录中 %[1]d 处"},
		msgUnanchored:   {"records %d to %d are not anchored: the head does not know them, only the chain vouches for them", "记录 %d 至 %d 未经锚定:链头没有登记,仅由哈希链证明"},
		msgNotRecorded:  {"this query is not recorded in the log: %v", "本次查询未记入日志:%v"},
		msgCopy:         {"this query is not recorded: a copy of a log cannot be written to", "本次查询未记录:日志副本不可写入"},
		msgIndexUnkept:  {"the index is not kept, the next query takes as long: %v", "索引未能保存,下次查询同样耗时:%v"},
		msgDamagedLines: {"%d lines that were read are no records, the first at %v; audit verify tells what is wrong", "读到 %d 行不是记录,首处:%v;请用 audit verify 查明"},
		msgProofOK:      {"proof ok: %d records of %s, each sealed under the verification key given", "证明有效:%[2]s 的 %[1]d 条记录,均由所给验证密钥一脉签封"},
		msgProofNote: {"what this cannot show: that nothing else is in the log, nor that the clock of the server was right",
			"本证明不能说明:日志中没有其他记录;服务器时钟准确"},
		msgNoFacts:    {"the report goes without names of people and matters: %v", "报告不含人员与案件名称:%v"},
		msgSealWait:   {"waiting for the seal of the newest records", "正在等待最新记录签封"},
		msgBundleDone: {"%s: %d records with their proofs", "%s:%d 条记录及其证明"},
		msgWitnessServes: {"the witness answers on %s, for %d verification keys; its verifier key, to keep with those who verify:",
			"见证服务已在 %s 应答,登记验证公钥 %d 个;本见证的公钥如下,请交核验人保存:"},
		msgWitnessEnds: {"the witness has ended", "见证服务已结束"},
		msgExportBegin: {"a first export to this target: it begins with record %d", "首次导出到此目标:从第 %d 条记录开始"},
		msgExportWaits: {"nothing arrives there, trying again in %[2]v: %[1]v", "目标未接收,%[2]v 后重试:%[1]v"},
		msgExportBack:  {"records arrive again", "目标已恢复接收"},
		msgExportDone:  {"%s: %d records sent; the target has all up to record %d", "%s:已发送 %d 条记录;目标已收到第 %d 条及之前的全部记录"},
	}
	i := 0
	if t.Lang == "zh" {
		i = 1
	}
	return fmt.Sprintf(table[m][i], args...)
}
