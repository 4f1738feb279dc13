// Package client is gatepost's API for Go programs: the wire types of /v1 and a
// client that speaks it. The server and the command line use the same types.
//
// It imports the standard library only.
package client
