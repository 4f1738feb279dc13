package gmail

import (
	"encoding/json"
	"strings"

	"gatepost/internal/provider"
)

// maxSize is what messages.send takes (Gmail discovery document, revision
// 20261005: mediaUpload.maxSize of gmail.users.messages.send).
const maxSize = 36_700_160

// blocked are the attachment types that Gmail refuses, also inside archives
// (support.google.com/mail/answer/6590, read November 2026).
const blocked = `.ade .adp .apk .appx .appxbundle .bat .cab .chm .cmd .com .cpl .diagcab .diagcfg
.diagpkg .dll .dmg .ex .ex_ .exe .hta .img .ins .iso .isp .jar .jnlp .js .jse .lib .lnk .mde .mjs .msc
.msi .msix .msixbundle .msp .mst .nsh .pif .ps1 .scr .sct .shb .sys .vb .vbe .vbs .vhd .vxd .wsc .wsf
.wsh .xll`

func limits(config json.RawMessage) provider.Limits {
	s, _ := parse(config)
	return provider.Limits{
		MaxSize:       maxSize,
		MaxRecipients: s.MaxRecipients,
		MaxParallel:   s.MaxParallel,
		HeaderDecides: true, EightBit: true, Threads: true,
		BlockedExtensions: strings.Fields(blocked),
		Source:            "Gmail API discovery document 2026-10-05; support.google.com/a/answer/166852 and support.google.com/mail/answer/6590, read 2026-11",
	}
}

// maxSMTP is what smtp.gmail.com announces as SIZE (seen 2026-11).
const maxSMTP = 35_882_577

func limitsSMTP(config json.RawMessage) provider.Limits {
	s, _ := parseSMTP(config)
	return provider.Limits{
		MaxSize:           maxSMTP,
		MaxRecipients:     s.MaxRecipients,
		MaxParallel:       s.MaxConnections,
		EightBit:          true,
		BlockedExtensions: strings.Fields(blocked),
		Source:            "SIZE of smtp.gmail.com, seen 2026-11; support.google.com/a/answer/166852 and support.google.com/mail/answer/6590, read 2026-11",
	}
}
