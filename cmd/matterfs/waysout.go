package main

// waysOut says for each warning that makes a drive degraded what ends it. A test
// finds one without.
var waysOut = map[string]msg{
	"policy.reload": hintPolicy, "policy.tests": hintTests, "policy.watch": hintWatch,
	"policy.unsealed": hintUnwritten, "policy.emergency": hintApprove,
	"log.unavailable": hintLog, "log.low": hintLog, "log.unsealed": hintLog, "log.untidy": hintLog, "state.unwritten": hintUnwritten,
	"witness.fork": hintWitnessFork, "data.matter": hintCorrupt, "data.damaged": hintCorrupt, "groups.silent": hintNoAnswer,
}

// wayOut is what to do about a warning, "" where its text says all.
func (w *warning) wayOut(a *app) string {
	m, ok := waysOut[w.Code]
	if !ok {
		return ""
	}
	return a.text(msgHint) + a.text(m)
}
