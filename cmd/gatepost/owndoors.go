package main

import (
	"net"

	"gatepost/internal/monitor"
)

// ownDoors are where this process listens, as it can reach them itself.
func (srv *server) ownDoors() []monitor.Door {
	doors := []monitor.Door{{Name: "HTTP", Address: fromHere(srv.listener.Addr())}}
	if srv.smtp != nil {
		for _, l := range srv.smtp.listeners {
			doors = append(doors, monitor.Door{Name: l.name, Address: fromHere(l.Addr())})
		}
	}
	return doors
}

// fromHere is an address that listens, with a host that can be dialled.
func fromHere(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}
