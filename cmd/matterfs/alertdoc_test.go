package main

import (
	"reflect"
	"strings"
	"testing"
)

// TestAlertsStandInTheManual: each key of a line, each event and each configuration key of alerts.
func TestAlertsStandInTheManual(t *testing.T) {
	manual := readDoc(t, "contrib/man/matterfs.1")
	_, text, ok := strings.Cut(manual, ".SH ALERTS\n")
	if !ok {
		t.Fatal("no section ALERTS")
	}
	text, warnings, _ := strings.Cut(text, ".SH WARNINGS\n")
	var names []string
	for i := range reflect.TypeFor[alert]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[alert]().Field(i).Tag.Get("json"), ",")
		names = append(names, ".I "+name)
	}
	for _, c := range callerAlerts {
		names = append(names, "\n"+c.what+"\t")
	}
	names = append(names, "\n"+alertDegraded+"\t", "\n"+alertRefused+"\t", "\n"+alertBulk+"\t", stateOn+", "+stateOff+" or "+stateEvent)
	for _, n := range names {
		if !strings.Contains(text, n) && !strings.Contains(text, strings.Replace(n, ".I ", ".IR ", 1)) {
			t.Errorf("ALERTS does not name %q", n)
		}
	}
	for _, code := range []string{"hooks.alert", "log.held"} {
		if !strings.Contains(warnings, "\n"+code+"\t") {
			t.Errorf("WARNINGS does not name %s", code)
		}
	}
	for key, text := range map[string]string{bulkFilesKey: bulkFilesDefault, bulkBytesKey: bulkBytesDefault, hookKey: "command"} {
		_, sub, _ := strings.Cut(key, ".")
		if !strings.Contains(manual, "\nhooks: "+strings.ReplaceAll(sub, "-", `\-`)+":\t"+text) {
			t.Errorf("the manual does not say what %s is", key)
		}
	}
}
