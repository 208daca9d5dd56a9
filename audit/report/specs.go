package report

// Specs are the reports there are, in the order in which they are listed.
func Specs() []Spec {
	return []Spec{matterSpec(), userSpec(), clientSpec(), deniedSpec(), wallSpec(), sampleSpec(), anomaliesSpec(), summarySpec(),
		reviewSpec(), accessAtSpec(), leaverSpec(), contractorSpec()}
}
