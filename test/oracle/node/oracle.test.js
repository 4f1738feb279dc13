// Google's client libraries for Node against the simulated Google. Started by
// TestNode, which says in the environment where that is.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gmail } from '@googleapis/gmail';
import { JWT, OAuth2Client } from 'google-auth-library';

const { GOOGLE_URL, KEY_FILE, CLIENT_FILE, REDIRECT_URI, CODE, CODE_VERIFIER } = process.env;
const key = JSON.parse(readFileSync(KEY_FILE, 'utf8'));
const user = 'ada@acme.example';
const hello = 'From: ada@acme.example\r\nTo: grace@example.com\r\nSubject: Hello from Node\r\nMessage-ID: <n1@acme.example>\r\n\r\nHello, Grace.\r\n';

// The library has Google's token endpoint built in, so requests to it are led to
// the simulated one; what is signed still names Google's.
function led(client) {
  client.transporter.interceptors.request.add({
    resolved: async (config) => {
      const url = new URL(config.url);
      if (url.hostname.endsWith('googleapis.com')) {
        config.url = new URL(url.pathname + url.search, GOOGLE_URL);
      }
      return config;
    },
  });
  return client;
}

const as = (subject, scopes) => led(new JWT({ email: key.client_email, key: key.private_key, keyId: key.private_key_id, scopes, subject }));
const mailbox = (auth) => gmail({ version: 'v1', auth, rootUrl: GOOGLE_URL });
const raw = (message) => Buffer.from(message).toString('base64url');
const modify = ['https://www.googleapis.com/auth/gmail.modify'];

test('a service account sends, lists and gets', async () => {
  const box = mailbox(as(user, modify));
  const sent = await box.users.messages.send({ userId: 'me', requestBody: { raw: raw(hello) } });
  assert.ok(sent.data.id);
  assert.deepEqual(sent.data.labelIds, ['SENT']);
  const list = await box.users.messages.list({ userId: 'me', labelIds: ['SENT'] });
  assert.ok(list.data.messages.some((m) => m.id === sent.data.id));
  const got = await box.users.messages.get({ userId: 'me', id: sent.data.id, format: 'full' });
  assert.equal(got.data.payload.headers.find((h) => h.name === 'Subject').value, 'Hello from Node');
  assert.equal(typeof got.data.internalDate, 'string');
  assert.equal(Buffer.from(got.data.payload.body.data, 'base64url').toString(), 'Hello, Grace.\r\n');
});

test('a message goes up as media', async () => {
  const box = mailbox(as(user, modify));
  const sent = await box.users.messages.send({ userId: 'me', requestBody: {}, media: { mimeType: 'message/rfc822', body: hello } });
  const got = await box.users.messages.get({ userId: 'me', id: sent.data.id, format: 'raw' });
  assert.match(Buffer.from(got.data.raw, 'base64url').toString(), /Hello, Grace\./);
});

test('errors have the shape that the library reads', async () => {
  const box = mailbox(as(user, ['https://www.googleapis.com/auth/gmail.send']));
  await assert.rejects(box.users.messages.list({ userId: 'me' }), (e) => {
    assert.equal(e.code ?? e.status, 403);
    assert.equal(e.response.data.error.status, 'PERMISSION_DENIED');
    assert.equal(e.response.data.error.errors[0].reason, 'insufficientPermissions');
    return true;
  });
  const nobody = mailbox(as('nobody@acme.example', modify));
  await assert.rejects(nobody.users.getProfile({ userId: 'me' }), (e) => {
    assert.equal(e.response.data.error, 'invalid_grant');
    return true;
  });
});

test('a user gives consent: code, refresh, token info, revocation', async () => {
  const file = JSON.parse(readFileSync(CLIENT_FILE, 'utf8'));
  const { client_id, client_secret } = file.web ?? file.installed;
  const client = led(new OAuth2Client({ clientId: client_id, clientSecret: client_secret, redirectUri: REDIRECT_URI }));
  const { tokens } = await client.getToken({ code: CODE, codeVerifier: CODE_VERIFIER });
  assert.ok(tokens.refresh_token && tokens.access_token);
  client.setCredentials(tokens);
  const ticket = await verified(client, tokens.id_token, client_id);
  assert.equal(ticket.getPayload().email, user);
  await mailbox(client).users.messages.send({ userId: 'me', requestBody: { raw: raw(hello) } });

  const { credentials } = await client.refreshAccessToken();
  assert.notEqual(credentials.access_token, tokens.access_token);
  const info = await client.getTokenInfo(credentials.access_token);
  assert.equal(info.aud, client_id);
  assert.ok(info.scopes.includes('https://www.googleapis.com/auth/gmail.send'));

  await client.revokeToken(credentials.access_token);
  await assert.rejects(client.refreshAccessToken(), (e) => e.response.data.error === 'invalid_grant');
  await assert.rejects(client.getToken({ code: CODE, codeVerifier: CODE_VERIFIER }), (e) => e.response.data.error === 'invalid_grant');
});

// verified checks signature and claims as the library does, with the simulated
// Google as the issuer.
async function verified(client, idToken, audience) {
  const certs = await (await fetch(new URL('/oauth2/v3/certs', GOOGLE_URL))).json();
  const pem = (jwk) => createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const keys = Object.fromEntries(certs.keys.map((k) => [k.kid, pem(k)]));
  return client.verifySignedJwtWithCertsAsync(idToken, keys, audience, [GOOGLE_URL]);
}
