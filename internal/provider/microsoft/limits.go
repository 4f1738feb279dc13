package microsoft

import (
	"encoding/json"

	"gatepost/internal/provider"
)

const sourceOfLimits = "learn.microsoft.com, Exchange Online limits, Graph throttling limits and large attachments, read 2026-11"

func limits(config json.RawMessage) provider.Limits {
	s, _ := parse(config)
	return provider.Limits{
		MaxSize:       s.largest(),
		MaxRecipients: s.MaxRecipients,
		MaxParallel:   s.MaxParallel,
		HeaderDecides: true, EightBit: true,
		Source: sourceOfLimits,
	}
}

// largest is the largest message that can go: in one request, or, where drafts may be
// made, as large as the mailbox may send.
func (s settings) largest() int64 {
	if s.DraftFence {
		return s.MaxSize
	}
	return min(s.MaxSize, s.MaxRequest/4*3)
}

func limitsSMTP(config json.RawMessage) provider.Limits {
	s, _ := parseSMTP(config)
	return provider.Limits{
		MaxSize:       s.MaxSize,
		MaxRecipients: s.MaxRecipients,
		MaxParallel:   s.MaxConnections,
		EightBit:      true,
		Source:        "learn.microsoft.com, Exchange Online limits and SMTP AUTH throttling, read 2026-11",
	}
}
