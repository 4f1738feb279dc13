// The simulated Microsoft, as tests drive it: apps are registered at its control
// door, users decide on its pages.
import assert from 'node:assert/strict';

export const { MICROSOFT_URL: microsoftURL, CONTROL_URL: controlURL, TENANT: tenant } = process.env;

async function control(method, path, body) {
  const answer = await fetch(controlURL + path, { method, body: JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

export const makeApp = (options) => control('POST', '/control/microsoft/apps', options);
export const changeApp = (app, options) => control('PATCH', `/control/microsoft/apps/${app.client_id}`, options);
export const fault = (rule) => control('POST', '/control/faults', rule);

// until polls a condition.
export async function until(what, ask) {
  for (const end = Date.now() + 10_000; Date.now() < end; await new Promise((done) => setTimeout(done, 50))) {
    const got = await ask();
    if (got) {
      return got;
    }
  }
  assert.fail(`${what} did not happen within 10 s`);
}

// calledWith waits until the token endpoint has answered an app so: '' is a token.
export const calledWith = (app, error) => until(`the answer ${error || 'with a token'}`, async () => {
  const { token_calls: calls } = await (await fetch(`${controlURL}/control/token-calls`)).json();
  return calls.some((call) => call.client === app.client_id && (call.error ?? '') === error);
});

// ledger is what the world took from a mailbox.
export async function ledger(account) {
  const text = await (await fetch(`${controlURL}/ledger`)).text();
  return text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter((entry) => entry.account === account);
}

// decide answers the page that asks a user, and returns the response.
async function decide(page, account, action) {
  const request = /name="request" value="([^"]+)"/.exec(page)?.[1];
  assert.ok(request, `the page asks nothing:\n${page}`);
  return fetch(`${microsoftURL}/entra/consent`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ request, account, action }) });
}

// agree lets a user accept what an app asks at a URL; it returns the parameters with
// which the browser is sent back.
export async function agree(url, account) {
  const page = await fetch(url);
  assert.equal(page.status, 200);
  const answer = await decide(await page.text(), account, 'allow');
  assert.equal(answer.status, 302);
  return new URL(answer.headers.get('location')).searchParams;
}

// enterCode lets a user type a device code.
export async function enterCode(page, code, account, action = 'allow') {
  const asked = await fetch(`${page}?${new URLSearchParams({ code })}`);
  const answer = await decide(await asked.text(), account, action);
  assert.equal(answer.status, 200);
}
