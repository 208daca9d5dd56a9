package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// checkHook refuses a start with a hook that is not fit, before a secret is asked for.
func (d *daemon) checkHook(context.Context) error {
	rule, err := d.s.bulkRule()
	if err != nil {
		return err
	}
	var h *hook
	if d.s.Alert != "" {
		h = &hook{path: d.s.Alert, patience: hookPatience}
		if err := h.check(); err != nil {
			return err
		}
	}
	d.alerts = newAlerts(h, newBulk(rule), d.recordBulk)
	return nil
}

// startAlerts begins to tell, once there is a drive to tell of.
func (d *daemon) startAlerts(context.Context) error {
	a := d.alerts
	ctx, kill := context.WithCancel(context.Background())
	stop, served, told := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(served)
		a.run(stop, d.warnings)
	}()
	go func() {
		defer close(told)
		a.serve(ctx, d)
	}()
	d.onClose(func() {
		close(stop)
		<-served
		select {
		case <-told:
		case <-time.After(alertParting):
		}
		kill()
		<-told
	})
	return nil
}

// toldOfRefusal are the exit codes of a refused start that somebody is told of: what was found wrong with log, state or data.
var toldOfRefusal = map[int]string{
	exitLog: "the log cannot be written", exitTampered: "the log was tampered with", exitIncomplete: "records are missing from the end of the log",
	exitCheckpoint: "the log is not that of the checkpoint", exitCorrupt: "keys, state or data are damaged, or older than the log says",
}

// tellRefusal tells of a mount that was refused, before the process ends.
func (d *daemon) tellRefusal(err error) {
	code, _ := explain(err)
	text, ok := toldOfRefusal[code]
	if !ok || d.alerts == nil || d.alerts.hook == nil {
		return
	}
	now := time.Now()
	d.alerts.tell(context.Background(), d, alert{Time: now, Since: now, What: alertRefused, State: stateEvent, Text: fmt.Sprintf("%s (exit code %d)", text, code)})
}

// hookWarnings say that alerts do not get through.
func (d *daemon) hookWarnings() []warning {
	if d.alerts.hook == nil {
		return nil
	}
	if lost, err := d.alerts.hook.failing(); err != nil {
		return []warning{warn(false, "hooks.alert", strconv.FormatUint(lost, 10), err.Error())}
	}
	return nil
}
