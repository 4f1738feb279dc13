"""Sends by Python's smtplib what a plan on the standard input says."""

import json
import smtplib
import ssl
import sys

plan = json.load(sys.stdin)
tls = ssl.create_default_context(cafile=plan["ca"])


def connect(s):
    if s["mode"] == "implicit":
        return smtplib.SMTP_SSL(plan["host"], s["port"], context=tls)
    c = smtplib.SMTP(plan["host"], s["port"])
    if s["mode"] == "starttls":
        c.starttls(context=tls)
    return c


def log_in(c, s):
    c.ehlo_or_helo_if_needed()
    c.user, c.password = s["user"], plan["key"]
    if s["mechanism"] == "PLAIN":  # what smtplib chooses by itself
        c.login(s["user"], plan["key"])
    elif s["mechanism"] == "LOGIN":
        c.auth("LOGIN", c.auth_login)
    else:  # as Google's and Microsoft's examples do
        c.auth("XOAUTH2", lambda challenge=None: f"user={s['user']}\1auth=Bearer {plan['key']}\1\1")


for s in plan["sessions"]:
    with connect(s) as c:
        log_in(c, s)
        for letter in s["letters"]:
            with open(letter["file"], "rb") as f:
                refused = c.sendmail(letter["from"], letter["to"], f.read(), ["BODY=8BITMIME"])
            assert not refused, refused
