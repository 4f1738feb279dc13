package provider

import "strings"

// Vendor is whose service gave an answer.
type Vendor string

// The vendors whose answers the catalogue tells apart.
const (
	VendorGoogle    Vendor = "google"
	VendorMicrosoft Vendor = "microsoft"
)

// origin is whose answers a row is about.
type origin int

const (
	anyones        origin = iota
	notMicrosofts         // in Google's words, unless it is known to be Microsoft's
	notGoogles            // in words that Microsoft alone uses
	microsoftsOnly        // in words that others use too: it must be known to be Microsoft's
)

func (o origin) matches(v Vendor) bool {
	switch o {
	case notMicrosofts:
		return v != VendorMicrosoft
	case notGoogles:
		return v != VendorGoogle
	case microsoftsOnly:
		return v == VendorMicrosoft
	}
	return true
}

// vendor is who a row is about, for those who read the catalogue.
func (o origin) vendor() Vendor {
	switch o {
	case notMicrosofts:
		return VendorGoogle
	case notGoogles, microsoftsOnly:
		return VendorMicrosoft
	}
	return ""
}

// vendorOf is whose answer it is: what the provider's code says, else the scopes that
// were asked for, else the words.
func vendorOf(a Answer) Vendor {
	if a.About.Vendor != "" {
		return a.About.Vendor
	}
	for _, scope := range a.About.Scopes {
		if v := vendorIn(scope, scopeHosts); v != "" {
			return v
		}
	}
	return vendorIn(strings.ToLower(a.Text), vendorWords)
}

// sign is a part of a text that tells the vendor.
type sign struct {
	part   string
	vendor Vendor
}

// scopeHosts are parts of the scopes of mail, of all clouds.
var scopeHosts = []sign{
	{"googleapis.com", VendorGoogle},
	{"mail.google.com", VendorGoogle},
	{"outlook.office", VendorMicrosoft},
	{"graph.microsoft", VendorMicrosoft},
	{"microsoftgraph.", VendorMicrosoft},
	{"outlook-dod.office", VendorMicrosoft},
	{"partner.outlook.cn", VendorMicrosoft},
}

// vendorWords stand in the words of one vendor alone: names of servers, of pages and of
// parts of the system.
var vendorWords = []sign{
	{"aadsts", VendorMicrosoft},
	{".outlook.com", VendorMicrosoft},
	{"office365", VendorMicrosoft},
	{"aka.ms/", VendorMicrosoft},
	{"storedrv", VendorMicrosoft},
	{"client-request-id", VendorMicrosoft},
	{"microsoft", VendorMicrosoft},
	{"exchangelabs.com", VendorMicrosoft},
	{"support.google.com", VendorGoogle},
	{"gsmtp", VendorGoogle},
	{"googleapis", VendorGoogle},
}

func vendorIn(text string, signs []sign) Vendor {
	for _, s := range signs {
		if strings.Contains(text, s.part) {
			return s.vendor
		}
	}
	return ""
}
