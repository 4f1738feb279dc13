package store

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// Full tells whether an error says that the disk is full, the database server's
// included: nothing was written, and writes are taken again once there is room.
func Full(err error) bool {
	var s *sqlite3.Error
	var p *pgconn.PgError
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.As(err, &s) && s.Code()&0xff == codes.SQLITE_FULL ||
		errors.As(err, &p) && p.Code == "53100" // disk_full
}

// Unavailable tells whether an error says that the database does not answer, or
// takes no writes at the moment: nothing was written. Where a COMMIT got no answer,
// or its sync failed, that cannot be said.
func Unavailable(err error) bool {
	if errors.Is(err, errUncertain) {
		return false
	}
	var s *sqlite3.Error
	var p *pgconn.PgError
	var connect *pgconn.ConnectError
	var network *net.OpError
	return errors.Is(err, errNotBegun) || errors.Is(err, driver.ErrBadConn) || errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.ErrUnexpectedEOF) || // what a read gets from a connection that the server has just closed
		errors.Is(err, syscall.EROFS) || errors.As(err, &s) && unavailableSQLite(s.Code()) ||
		errors.As(err, &p) && (p.Code == "25006" || p.Code == "53300" || strings.HasPrefix(p.Code, "08") || strings.HasPrefix(p.Code, "57P"))
}

// unavailableSQLite is that for SQLite's codes. A write that failed was that of a
// page or of the mark behind the last one: without all of them there is no commit.
func unavailableSQLite(code int) bool {
	switch code & 0xff {
	case codes.SQLITE_BUSY, codes.SQLITE_READONLY, codes.SQLITE_CANTOPEN:
		return true
	}
	return code == codes.SQLITE_IOERR_WRITE
}
