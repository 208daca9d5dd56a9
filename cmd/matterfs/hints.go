package main

// hintNames are the hints as they cross the control socket: a daemon knows what
// would help, and who asked knows in which language to say it. The names are
// stable, the numbers of messages are not.
var hintNames = map[msg]string{
	hintUsage: "usage", hintPolicy: "policy", hintPolicyOwner: "policy.owner", hintPolicyMissing: "policy.missing",
	hintTests: "policy.tests", hintVanished: "policy.vanished", hintPolicyLost: "policy.lost", hintSecond: "second", hintNoDaemon: "daemon.none",
	hintWrongIdentity: "key.identity", hintWrongPassphrase: "key.passphrase", hintNoKeystore: "key.none",
	hintDamagedKeys: "key.damaged", hintOldKeys: "key.older", hintRecipient: "key.recipient", hintLocked: "key.locked", hintSecretMode: "key.mode",
	hintNotPermitted: "permission", hintLog: "log", hintLogMissing: "log.missing", hintLogEnd: "log.end",
	hintState: "state.refused", hintStateNewer: "state.newer", hintStateStrange: "state.strange", hintUnwritten: "state.unwritten",
	hintTampered: "log.tampered", hintWitnessFork: "witness.fork", hintProof: "log.proof", hintIncomplete: "log.incomplete", hintCorrupt: "data.corrupt", hintNotStore: "data.none",
	hintExists: "exists", hintFactsUnrecorded: "facts.unrecorded", hintOverlap: "overlap", hintBusy: "busy", hintNotEmpty: "mount.notempty",
	hintMountpoint: "mount.point", hintNotOurMount: "mount.foreign", hintOwner: "owner", hintKeeper: "keeper", hintNoAnswer: "nss", hintWatch: "policy.watch", hintApprove: "policy.approve", hintFull: "full", hintFuse: "fuse",
	hintTaken: "policy.taken", hintEdited: "policy.edited", hintExport: "export", hintExportFile: "export.file", hintHook: "hook",
}

// hintNamed finds a hint by name. One of a newer daemon is not known here.
func hintNamed(name string) (msg, bool) {
	for m, n := range hintNames {
		if n == name && name != "" {
			return m, true
		}
	}
	return noMsg, false
}
