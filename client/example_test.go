package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"gatepost/client"
)

func ExampleClient_Send() {
	gatepost := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id": "msg_1", "status": "queued"}`)
	}))
	defer gatepost.Close()

	c, err := client.New(gatepost.URL, "gp_live_key")
	if err != nil {
		fmt.Println(err)
		return
	}
	sent, err := c.Send(context.Background(), client.NewMessage{
		To:      client.To("maria@example.org"),
		Subject: "Your invoice",
		Text:    "It is attached.",
	}, "invoice-4711")
	var refused *client.Error
	switch {
	case errors.As(err, &refused):
		for _, f := range refused.Errors {
			fmt.Println(f.Field, f.Message)
		}
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(sent.ID, sent.Status)
	}
	// Output: msg_1 queued
}
