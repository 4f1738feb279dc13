// Microsoft's own login library for Node against the simulated Entra ID. Started by
// TestMicrosoftNode, which says in the environment where that is.
import assert from 'node:assert/strict';
import { createHash, createSign, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  AuthError, ClientAuthError, ConfidentialClientApplication, CryptoProvider, InteractionRequiredAuthError, PublicClientApplication, ServerError,
} from '@azure/msal-node';
import { agree, calledWith, enterCode, makeApp, changeApp, microsoftURL, tenant } from './world.js';

const { CERTIFICATE_FILE, CERTIFICATE_KEY_FILE } = process.env;
const graph = ['https://graph.microsoft.com/.default'];
const mailSend = 'https://graph.microsoft.com/Mail.Send';
const mailRead = 'https://graph.microsoft.com/Mail.Read';
const redirectUri = 'https://app.contoso.example/callback';
const user = 'ada@contoso.example';

// The authority is told to be one, because its host is none of Microsoft's.
const auth = (app, more) => ({ clientId: app.client_id, authority: `${microsoftURL}/${tenant}`, knownAuthorities: [new URL(microsoftURL).host], ...more });
const confidential = (app, more) => new ConfidentialClientApplication({ auth: auth(app, { clientSecret: app.secret, ...more }) });
const decoded = (jwt, part) => JSON.parse(Buffer.from(jwt.split('.')[part], 'base64url').toString());

test('an app by itself, with its secret: the second token is the cached one', async () => {
  const app = await makeApp({ roles: ['Mail.Send'] });
  const client = confidential(app);
  const first = await client.acquireTokenByClientCredential({ scopes: graph });
  assert.deepEqual(decoded(first.accessToken, 1).roles, ['Mail.Send']);
  assert.equal(first.fromCache, false);
  assert.ok(first.expiresOn > new Date(Date.now() + 3500_000) && first.extExpiresOn >= first.expiresOn);
  const second = await client.acquireTokenByClientCredential({ scopes: graph });
  assert.equal(second.fromCache, true);
  assert.equal(second.accessToken, first.accessToken);
});

test('an app by itself, with its certificate: PS256 and the older RS256', async () => {
  const certificate = readFileSync(CERTIFICATE_FILE, 'utf8');
  const privateKey = readFileSync(CERTIFICATE_KEY_FILE, 'utf8');
  const der = Buffer.from(certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const print = (hash) => createHash(hash).update(der).digest('hex');
  const app = await makeApp({ no_secret: true, certificates: [certificate], roles: ['Mail.Send'] });
  for (const clientCertificate of [
    { thumbprintSha256: print('sha256'), privateKey },
    { thumbprint: print('sha1'), privateKey },
    { thumbprintSha256: print('sha256'), privateKey, x5c: certificate },
  ]) {
    const got = await confidential(app, { clientSecret: undefined, clientCertificate }).acquireTokenByClientCredential({ scopes: graph });
    assert.ok(got.accessToken);
  }
  const other = { thumbprintSha256: '00'.repeat(32), privateKey };
  await refused(confidential(app, { clientSecret: undefined, clientCertificate: other }).acquireTokenByClientCredential({ scopes: graph }), ServerError, 'invalid_client', 700027);
});

test('an assertion for another audience', async () => {
  const certificate = readFileSync(CERTIFICATE_FILE, 'utf8');
  const app = await makeApp({ no_secret: true, certificates: [certificate] });
  const good = `${microsoftURL}/${tenant}/oauth2/v2.0/token`;
  const ask = (aud) => confidential(app, { clientSecret: undefined, clientAssertion: assertion(app.client_id, aud, certificate) })
    .acquireTokenByClientCredential({ scopes: graph });
  assert.ok((await ask(good)).accessToken);
  await refused(ask('https://login.microsoftonline.com/other.example/oauth2/v2.0/token'), ServerError, 'invalid_client', 700023);
});

// assertion is made by hand: the library writes the audience itself.
function assertion(id, aud, certificate) {
  const der = Buffer.from(certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const part = (v) => Buffer.from(JSON.stringify(v)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const text = part({ alg: 'RS256', typ: 'JWT', x5t: createHash('sha1').update(der).digest('base64url') }) + '.'
    + part({ aud, iss: id, sub: id, jti: randomUUID(), nbf: now, iat: now, exp: now + 600 });
  return text + '.' + createSign('RSA-SHA256').update(text).sign(readFileSync(CERTIFICATE_KEY_FILE), 'base64url');
}

// signIn lets a user consent and exchanges the code, with PKCE and a nonce.
async function signIn(client, scopes, more = {}) {
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const url = await client.getAuthCodeUrl({
    scopes, redirectUri, codeChallenge: challenge, codeChallengeMethod: 'S256', state: 's1', nonce: 'n1', loginHint: user, responseMode: 'query',
  });
  const back = await agree(url, user);
  assert.equal(back.get('state'), 's1');
  return client.acquireTokenByCode({ scopes, redirectUri, codeVerifier: verifier, code: back.get('code'), nonce: 'n1', ...more });
}

test('a user consents: code with PKCE, cached token, refresh with rotation', async () => {
  const app = await makeApp({ redirect_uris: [redirectUri] });
  const client = confidential(app);
  const first = await signIn(client, [mailSend]);
  assert.equal(first.account.username, user);
  assert.equal(first.account.tenantId, tenant);
  assert.ok(first.scopes.includes(mailSend), first.scopes.join(' '));
  assert.equal(first.idTokenClaims.nonce, 'n1');
  const account = (await client.getTokenCache().getAllAccounts())[0];
  assert.equal(account.homeAccountId, first.account.homeAccountId);

  const cached = await client.acquireTokenSilent({ account, scopes: [mailSend] });
  assert.equal(cached.fromCache, true);
  const before = refreshToken(client);
  const renewed = await client.acquireTokenSilent({ account, scopes: [mailSend], forceRefresh: true });
  assert.equal(renewed.fromCache, false);
  assert.notEqual(renewed.accessToken, first.accessToken);
  assert.notEqual(refreshToken(client), before);
  assert.ok((await client.acquireTokenByRefreshToken({ refreshToken: refreshToken(client), scopes: [mailSend] })).accessToken);
});

// refreshToken is the one that the library keeps.
function refreshToken(client) {
  const kept = Object.values(JSON.parse(client.getTokenCache().serialize()).RefreshToken);
  assert.equal(kept.length, 1);
  return kept[0].secret;
}

test('a verifier that is another, and a code used twice', async () => {
  const app = await makeApp({ redirect_uris: [redirectUri] });
  await refused(signIn(confidential(app), [mailSend], { codeVerifier: 'x'.repeat(43) }), ServerError, 'invalid_grant', 501481);
  let code;
  const client = confidential(app);
  const url = await client.getAuthCodeUrl({ scopes: [mailSend], redirectUri });
  code = (await agree(url, user)).get('code');
  await client.acquireTokenByCode({ scopes: [mailSend], redirectUri, code });
  await refused(client.acquireTokenByCode({ scopes: [mailSend], redirectUri, code }), ServerError, 'invalid_grant', 54005);
});

test('what nobody has agreed to wants the user', async () => {
  const app = await makeApp({ redirect_uris: [redirectUri] });
  const client = confidential(app);
  const { account } = await signIn(client, [mailSend]);
  await refused(client.acquireTokenSilent({ account, scopes: [mailRead] }), InteractionRequiredAuthError, 'invalid_grant', 65001);
});

test('a device code', async () => {
  const app = await makeApp({ public: true, no_secret: true });
  const client = new PublicClientApplication({ auth: auth(app) });
  const decide = async (d) => {
    await calledWith(app, 'authorization_pending');
    await enterCode(d.verificationUri, d.userCode, user);
  };
  const got = await client.acquireTokenByDeviceCode({ scopes: [mailSend], deviceCodeCallback: decide });
  await calledWith(app, '');
  assert.equal(got.account.username, user);
  assert.ok(got.scopes.includes(mailSend));
  const [account] = await client.getTokenCache().getAllAccounts();
  assert.ok((await client.acquireTokenSilent({ account, scopes: [mailSend], forceRefresh: true })).accessToken);
});

test('a device code that the user declines', async () => {
  const app = await makeApp({ public: true, no_secret: true });
  const client = new PublicClientApplication({ auth: auth(app) });
  const ask = client.acquireTokenByDeviceCode({ scopes: [mailSend], deviceCodeCallback: (d) => enterCode(d.verificationUri, d.userCode, user, 'cancel') });
  await assert.rejects(ask, (e) => {
    assert.ok(e instanceof AuthError);
    assert.deepEqual([e.errorCode, e.errorMessage], ['post_request_failed', 'authorization_declined']);
    return true;
  });
});

test('an app that is wrong', async () => {
  const app = await makeApp({ roles: ['Mail.Send'] });
  const ask = (more) => confidential(app, more).acquireTokenByClientCredential({ scopes: graph });
  await refused(ask({ clientSecret: 'wrong' }), ServerError, 'invalid_client', 7000215);
  await refused(ask({ clientSecret: app.secret_id }), ServerError, 'invalid_client', 7000215);
  await refused(ask({ clientId: randomUUID() }), ServerError, 'unauthorized_client', 700016);
  const both = ['https://graph.microsoft.com/.default', 'https://outlook.office365.com/.default'];
  await refused(confidential(app).acquireTokenByClientCredential({ scopes: both }), ServerError, 'invalid_scope', 70011);
  await changeApp(app, { secret_expires: '2020-01-01T00:00:00Z' });
  await refused(ask({}), ServerError, 'invalid_client', 7000222);
  await changeApp(app, { disabled: true });
  await refused(ask({}), ServerError, 'unauthorized_client', 7000112);
});

// With the metadata at hand, as the library has it for Microsoft's own hosts, the token
// endpoint is the first to say so; without it the metadata is.
test('a tenant that does not exist', async () => {
  const app = await makeApp({ roles: ['Mail.Send'] });
  const metadata = await (await fetch(`${microsoftURL}/${tenant}/v2.0/.well-known/openid-configuration`)).text();
  const nowhere = '00000000-0000-4000-8000-000000000001';
  const authority = `${microsoftURL}/${nowhere}`;
  const authorityMetadata = metadata.replaceAll(tenant, nowhere);
  await refused(confidential(app, { authority, authorityMetadata }).acquireTokenByClientCredential({ scopes: graph }), ServerError, 'invalid_request', 90002);
  await assert.rejects(confidential(app, { authority }).acquireTokenByClientCredential({ scopes: graph }), (e) => {
    assert.ok(e instanceof ClientAuthError, e);
    assert.match(e.errorCode, /^endpoints_resolution_error$/);
    return true;
  });
  const answer = await fetch(`${authority}/v2.0/.well-known/openid-configuration`);
  assert.equal(answer.status, 400);
  assert.equal((await answer.json()).error, 'invalid_tenant');
});

// refused holds an error to the library's own class, word and AADSTS number.
async function refused(promise, kind, code, number) {
  await assert.rejects(promise, (e) => {
    assert.equal(e.constructor.name, kind.name, e.message);
    assert.equal(e.errorCode, code);
    assert.equal(String(e.errorNo), String(number));
    assert.match(e.errorMessage, new RegExp(`AADSTS${number}: `));
    assert.ok(e.correlationId);
    return true;
  });
}
