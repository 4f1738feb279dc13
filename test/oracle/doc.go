// Package oracle holds the simulated Google and the simulated Microsoft to what
// their own client libraries expect: they log in, send, list, get and read errors
// there as they do at the real ones. What gatepost itself asks Entra ID is compared
// with what Microsoft's library asks. And it holds gatepost to what a certificate
// authority expects: Let's Encrypt's own test server issues it a certificate. It is a
// module of its own, so that those libraries are no dependency of gatepost.
package oracle
