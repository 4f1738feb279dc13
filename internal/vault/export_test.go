package vault

import "time"

// SetLease shortens the wait for a process that died.
func (v *Vault) SetLease(d time.Duration) { v.tokens.lease = d }
