package policy

// Answer is what a policy says to one user's request.
type Answer struct {
	User User
	Decision
	Pos string   // file:line of the deciding rule, "" when there is none
	Ask []string // whom a refused user may ask
}

// WhoCan answers a request, whose UID counts for nothing, for every user of the
// policy, by name. Users who cannot make a request, for want of a uid of their
// own, are answered as if they could: what stands in their way is theirs alone.
func (p *Policy) WhoCan(r Request) []Answer {
	if p == nil {
		return nil
	}
	list := make([]Answer, 0, len(p.users))
	for _, u := range p.users {
		a := Answer{User: u.User, Decision: p.DecideUser(u.Name, r)}
		gates := p.ExplainUser(u.Name, r)
		last := gates[len(gates)-1]
		a.Pos, a.Ask = last.Pos, last.Ask
		list = append(list, a)
	}
	return list
}
