// Package hosts counts whom gatepost talks to: the real program runs under strace
// through the life of an account of each kind, and every address that it dials has to
// be one of the account's provider, or one that its operator gave. It is a test alone.
package hosts
