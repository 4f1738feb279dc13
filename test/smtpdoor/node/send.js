// Sends by nodemailer what a plan on the standard input says.
import { readFileSync } from 'node:fs'
import nodemailer from 'nodemailer'

const plan = JSON.parse(readFileSync(0, 'utf8'))
const ca = readFileSync(plan.ca)

const login = (s) =>
  s.mechanism === 'XOAUTH2'
    ? { auth: { type: 'OAuth2', user: s.user, accessToken: plan.key } }
    : { auth: { user: s.user, pass: plan.key }, authMethod: s.mechanism }

const send = async (s) => {
  const transport = nodemailer.createTransport({
    host: plan.host,
    port: Number(s.port),
    secure: s.mode === 'implicit',
    requireTLS: s.mode === 'starttls',
    ignoreTLS: s.mode === 'plain',
    tls: { ca },
    pool: true,
    maxConnections: 2,
    ...login(s),
  })
  await Promise.all(
    s.letters.map((l) =>
      transport.sendMail({ envelope: { from: l.from, to: l.to, use8BitMime: true }, raw: readFileSync(l.file) }),
    ),
  )
  transport.close()
}

for (const s of plan.sessions) await send(s)
