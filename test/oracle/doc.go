// Package oracle holds the simulated Google to what Google's own client libraries
// expect: they log in, send, list, get and read errors there as they do at the
// real one. And it holds gatepost to what a certificate authority expects: Let's
// Encrypt's own test server issues it a certificate. It is a module of its own,
// so that those libraries are no dependency of gatepost.
package oracle
