// Microsoft's client library for Graph against the simulated Graph. Started by
// TestMicrosoftNode, which says in the environment where that is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfidentialClientApplication } from '@azure/msal-node';
import { Client, FileUpload, GraphError, LargeFileUploadTask, RetryHandlerOptions } from '@microsoft/microsoft-graph-client';
import { fault, ledger, makeApp, microsoftURL, tenant, until } from './world.js';

const immutable = ['Prefer', 'IdType="ImmutableId"'];

// The library shows its token to the hosts that it is told of alone. Graph has two names
// here, as at Microsoft: files are put to another host than mail.
const graphURL = microsoftURL.replace('127.0.0.1', 'localhost') + '/';

// mailbox is Graph for an app that may do something with a mailbox of its own.
async function mailbox(name, roles = ['Mail.Send', 'Mail.ReadWrite']) {
  const app = await makeApp({ roles });
  const msal = new ConfidentialClientApplication({
    auth: { clientId: app.client_id, clientSecret: app.secret, authority: `${microsoftURL}/${tenant}`, knownAuthorities: [new URL(microsoftURL).host] },
  });
  const getAccessToken = async () => (await msal.acquireTokenByClientCredential({ scopes: ['https://graph.microsoft.com/.default'] })).accessToken;
  const client = Client.initWithMiddleware({ authProvider: { getAccessToken }, baseUrl: graphURL, defaultVersion: 'v1.0', customHosts: new Set(['localhost']) });
  const address = `${name}@contoso.example`;
  return { client, address, at: (path) => client.api(`/users/${address}${path}`) };
}

const recipient = (address) => ({ emailAddress: { address } });
const message = (subject, to = 'bob@example.net') => ({ subject, body: { contentType: 'Text', content: 'Hello, Bob.' }, toRecipients: [recipient(to)] });

// refused holds an error to the library's own class.
async function refused(promise, statusCode, code) {
  await assert.rejects(promise, (e) => {
    assert.ok(e instanceof GraphError, e);
    assert.deepEqual([e.statusCode, e.code], [statusCode, code], e.message);
    assert.ok(e.requestId && e.date && e.message);
    return true;
  });
}

// empty reads the body of an answer for which Graph says no type.
const empty = async (promise) => new Response(await promise).text();

test('sendMail as JSON: 202 and no id, and the copy in Sent Items', async () => {
  const box = await mailbox('json');
  const said = await empty(box.at('/sendMail').post({
    message: {
      ...message('As JSON'), ccRecipients: [recipient('carol@example.net')], internetMessageHeaders: [{ name: 'X-Gatepost-Id', value: 'msg_json' }],
      attachments: [{ '@odata.type': '#microsoft.graph.fileAttachment', name: 'a.txt', contentType: 'text/plain', contentBytes: Buffer.from('file').toString('base64') }],
    },
  }));
  assert.equal(said, '');
  const [entry] = await ledger(box.address);
  assert.equal(entry.gatepost_id, 'msg_json');
  assert.deepEqual(entry.recipients, ['bob@example.net', 'carol@example.net']);
  const sent = await box.at('/mailFolders/sentitems/messages').select('subject,internetMessageId,hasAttachments').top(1).get();
  assert.equal(sent.value[0].subject, 'As JSON');
  assert.match(sent.value[0].internetMessageId, /^<.+@.+>$/);
  assert.equal(sent.value[0].hasAttachments, true);
});

test('sendMail as JSON, without a copy', async () => {
  const box = await mailbox('unsaid');
  await box.at('/sendMail').post({ message: message('Unsaid'), saveToSentItems: false });
  assert.equal((await ledger(box.address)).length, 1);
  assert.equal((await box.at('/mailFolders/sentitems/messages').get()).value.length, 0);
});

test('sendMail as MIME in base64', async () => {
  const box = await mailbox('mime');
  const raw = `From: ${box.address}\r\nTo: bob@example.net\r\nSubject: As MIME\r\nMessage-ID: <mime@contoso.example>\r\nX-Gatepost-Id: msg_mime\r\n\r\nHello, Bob.\r\n`;
  await box.at('/sendMail').header('Content-Type', 'text/plain').post(Buffer.from(raw).toString('base64'));
  const [entry] = await ledger(box.address);
  assert.deepEqual([entry.gatepost_id, entry.message_id], ['msg_mime', '<mime@contoso.example>']);
  await refused(box.at('/sendMail').header('Content-Type', 'text/plain').post('?'), 400, 'ErrorMimeContentInvalidBase64String');
});

test('a draft and its copy in Sent Items, which comes late, have one immutable id', async () => {
  const box = await mailbox('draft');
  const draft = await box.at('/messages').header(...immutable).post(message('A draft', 'fault.late_sent.600@example.net'));
  assert.equal(draft.isDraft, true);
  const plain = await box.at(`/messages/${draft.id}`).get();
  assert.notEqual(plain.id, draft.id);
  assert.equal(await empty(box.at(`/messages/${draft.id}/send`).post({})), '');
  await refused(box.at(`/messages/${draft.id}`).header(...immutable).get(), 404, 'ErrorItemNotFound');
  const copy = await until('the copy', () => box.at(`/messages/${draft.id}`).header(...immutable).get().catch(() => undefined));
  assert.deepEqual([copy.id, copy.isDraft, copy.internetMessageId], [draft.id, false, draft.internetMessageId]);
  await refused(box.at(`/messages/${plain.id}`).get(), 404, 'ErrorItemNotFound');
  await refused(box.at(`/messages/${draft.id}/send`).post({}), 404, 'ErrorItemNotFound');
});

test('an upload session for 5 MB', async () => {
  const box = await mailbox('large');
  const draft = await box.at('/messages').header(...immutable).post(message('Large'));
  const content = Buffer.alloc(5 << 20, 'gatepost ');
  const session = await LargeFileUploadTask.createUploadSession(box.client, `/users/${box.address}/messages/${draft.id}/attachments/createUploadSession`, {
    AttachmentItem: { attachmentType: 'file', name: 'large.bin', size: content.length, contentType: 'application/octet-stream' },
  });
  const parts = [];
  const task = new LargeFileUploadTask(box.client, new FileUpload(content, 'large.bin', content.length), session, {
    rangeSize: 3 << 20, uploadEventHandlers: { progress: (range) => parts.push([range.minValue, range.maxValue]) },
  });
  const before = await task.getStatus();
  assert.deepEqual(before.nextExpectedRanges, ['0-']);
  const done = await task.upload();
  assert.match(done.location, /^https:\/\/outlook\.office\.com\/.*\/Attachments\('[^']+'\)$/);
  assert.deepEqual(parts, [[0, (3 << 20) - 1], [3 << 20, (5 << 20) - 1]]);
  const [file] = (await box.at(`/messages/${draft.id}/attachments`).get()).value;
  assert.deepEqual([file.name, file.size], ['large.bin', content.length]);
  await box.at(`/messages/${draft.id}/send`).post({});
  const [entry] = await ledger(box.address);
  assert.ok(entry.size > content.length);
});

test('an upload that was broken off goes on, and one that is cancelled is gone', async () => {
  const box = await mailbox('resumed');
  const draft = await box.at('/messages').header(...immutable).post(message('Resumed'));
  const content = Buffer.alloc(4 << 20, 'x');
  const begin = async () => new LargeFileUploadTask(
    box.client, new FileUpload(content, 'r.bin', content.length),
    await LargeFileUploadTask.createUploadSession(box.client, `/users/${box.address}/messages/${draft.id}/attachments/createUploadSession`, {
      AttachmentItem: { attachmentType: 'file', name: 'r.bin', size: content.length },
    }), { rangeSize: 2 << 20 });
  const task = await begin();
  const first = task.getNextRange();
  await task.uploadSlice(content.subarray(0, 2 << 20), first, content.length);
  await task.resume();
  assert.equal((await box.at(`/messages/${draft.id}/attachments`).get()).value.length, 1);
  const other = await begin();
  assert.equal((await other.cancel()).status, 204);
  await refused(other.getStatus(), 404, 'ErrorItemNotFound');
});

test('429: the library waits as long as Retry-After says, and sends once', async () => {
  const box = await mailbox('busy');
  await fault({ fault: 'rate', arg: '1', account: box.address, count: 2 });
  const begun = Date.now();
  await box.at('/sendMail').post({ message: message('Later') });
  assert.ok(Date.now() - begun >= 2000);
  assert.equal((await ledger(box.address)).length, 1);
});

test('429: without retries it is an error', async () => {
  const box = await mailbox('unretried');
  await fault({ fault: 'rate', arg: '1', account: box.address, count: 1 });
  await refused(box.at('/sendMail').middlewareOptions([new RetryHandlerOptions(0, 0)]).post({ message: message('x') }), 429, 'TooManyRequests');
});

// Why gatepost lets no library retry a send.
test('504 after the message was taken: the library sends it twice', async () => {
  const box = await mailbox('twice');
  await fault({ fault: 'error_after', arg: '504', account: box.address, count: 1 });
  await box.at('/sendMail').middlewareOptions([new RetryHandlerOptions(0, 1)]).post({ message: message('Twice') });
  assert.equal((await ledger(box.address)).length, 2);
});

test('errors', async () => {
  const box = await mailbox('errors');
  await refused(box.client.api('/me/messages').get(), 400, 'BadRequest');
  await refused(box.at('/messages/none').get(), 400, 'ErrorInvalidIdMalformed');
  await refused(box.at('/sendMail').post({ message: { subject: 'to nobody' } }), 400, 'ErrorInvalidRecipients');
  await refused(box.at('/sendMail').post({ message: { ...message('x'), from: recipient('boss@contoso.example') } }), 403, 'ErrorSendAsDenied');
  await refused(box.client.api('/users/nobody@contoso.example/sendMail').post({ message: message('x') }), 404, 'ErrorInvalidUser');
  await refused(box.client.api('/users/no-mailbox@contoso.example/sendMail').post({ message: message('x') }), 404, 'MailboxNotEnabledForRESTAPI');
  await refused(box.client.api('/nothing').get(), 404, 'ResourceNotFound');
  await refused(box.at('/messages').post({ ...message('x'), body: { contentType: 'Text', content: 'x'.repeat(5 << 20) } }), 413, 'ErrorMessageSizeExceeded');
  const reader = await mailbox('errors', ['Mail.Read']);
  await refused(reader.at('/sendMail').post({ message: message('x') }), 403, 'ErrorAccessDenied');
  const stranger = Client.initWithMiddleware({ authProvider: { getAccessToken: async () => 'dead' }, baseUrl: graphURL, defaultVersion: 'v1.0', customHosts: new Set(['localhost']) });
  await refused(stranger.api(`/users/${box.address}/messages`).get(), 401, 'InvalidAuthenticationToken');
});
