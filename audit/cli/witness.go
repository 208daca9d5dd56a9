package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
	"matterfs/audit/witness"
)

// NewWitness makes `witness init|serve`.
func NewWitness(t *Tool) *cobra.Command {
	c := &cobra.Command{
		Use: "witness", Short: "sign the checkpoints of logs on another machine, each log one history",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return usage("witness needs a verb: init or serve") },
	}
	c.AddCommand(newWitnessInit(t), newWitnessServe(t))
	return c
}

type witnessFlags struct {
	dir, name, listen string
	cert, key         string
	logs              []string
	qr                bool
}

func newWitnessInit(t *Tool) *cobra.Command {
	var o witnessFlags
	c := &cobra.Command{
		Use:   "init DIR",
		Short: "make the key of a witness and print its verifier key",
		Long: "init makes the private key of a witness in DIR, unless there is one, and prints its verifier key: matterfs.yaml takes it as\n" +
			"audit.witness-key, and audit verify as --witness. DIR belongs on a machine that the administrators of the log cannot reach.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			vkey, err := witness.Init(args[0], o.name)
			if err != nil {
				return err
			}
			return t.printKey(vkey, o.qr)
		},
	}
	c.Flags().StringVar(&o.name, "name", "", "`name` of the witness in what it signs, such as witness.example/w1 (default: a random one)")
	c.Flags().BoolVar(&o.qr, "qr", false, "print the key as a QR code")
	return c
}

// printKey prints a key as a line, or as a QR code.
func (t *Tool) printKey(vkey string, asQR bool) error {
	if asQR {
		return t.printNote(vkey, true)
	}
	return t.printNote(vkey+"\n", false)
}

func newWitnessServe(t *Tool) *cobra.Command {
	var o witnessFlags
	c := &cobra.Command{
		Use:   "serve DIR --key KEY",
		Short: "answer the daemons of these logs until a signal ends it",
		Long: "serve signs the checkpoints that are brought to it (C2SP tlog-witness, POST add-checkpoint), when each grew out of the one before.\n" +
			"DIR holds its key, which init or the first serve makes, and what it has signed: a log is then bound to that for ever.\n" +
			"KEY is the verification key of a log as matterfs init printed it. Only this machine can ask it, unless --listen says otherwise.",
		Example: "  witness serve /var/lib/matterfs-witness --key matterfs-audit/...+...+...",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.dir = args[0]
			return runWitness(c.Context(), t, o)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.logs, "key", nil, "verification `key` of a log, or a file that holds it; may be repeated, also for one log whose keys were lost")
	f.StringVar(&o.listen, "listen", "127.0.0.1:7380", "`address` to answer at; one of another machine's reach needs TLS")
	f.StringVar(&o.cert, "tls-cert", "", "`FILE` with the certificate chain")
	f.StringVar(&o.key, "tls-key", "", "`FILE` with the private key of the certificate")
	f.StringVar(&o.name, "name", "", "`name` of the witness where its key is made now")
	return c
}

func runWitness(ctx context.Context, t *Tool, o witnessFlags) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	keys, err := keptKeys(o.logs)
	if err != nil || len(keys) == 0 {
		return usage("--key needs the verification key of a log, as matterfs init printed it: %v", err)
	}
	config, err := o.tls()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(o.dir, witness.KeyName)); errors.Is(err, fs.ErrNotExist) {
		if _, err := witness.Init(o.dir, o.name); err != nil {
			return err
		}
	}
	w, err := witness.Open(witness.Options{Dir: o.dir, Logs: keys, Talk: t.talker()})
	if bad := (*audit.NoteError)(nil); errors.As(err, &bad) {
		return usage("--key: %v", err)
	}
	if err != nil {
		return err
	}
	defer w.Close()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return err
	}
	t.say(msgWitnessServes, l.Addr(), len(keys))
	if err := t.printNote(w.Key()+"\n", false); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := w.Serve(ctx, l, config); err != nil {
		return err
	}
	t.say(msgWitnessEnds)
	return nil
}

// tls is how to answer others; nil: in clear, to this machine alone.
func (o *witnessFlags) tls() (*tls.Config, error) {
	switch {
	case (o.cert == "") != (o.key == ""):
		return nil, usage("--tls-cert and --tls-key go together")
	case o.cert == "" && !witness.Loopback(o.listen):
		return nil, usage("--listen %s can be reached from other machines: give --tls-cert and --tls-key, or an address of this machine such as 127.0.0.1:7380", o.listen)
	case o.cert == "":
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// talker writes what a service tells, a line each with its time.
func (t *Tool) talker() func(string) {
	var mu sync.Mutex
	return func(s string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(t.Err, "%s %s\n", time.Now().UTC().Format(time.RFC3339), s)
	}
}
