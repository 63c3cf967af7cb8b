'use strict';
// npm bitpay-rest. Its host and port come from ~/.bitpay/config.json.
// Its bitauth has a native half of 2015 that no Node of today can build, and a half in plain
// JavaScript for browsers; this switch takes the second.
process.browser = true;
const bitpay = require('bitpay-rest');
const bitauth = require('bitauth');
const { job, step, tell, buy } = require('./shop.js');

const ready = (client) =>
  new Promise((resolve, reject) => client.on('ready', () => resolve(client)).on('error', reject));
const call = (client, facade, verb, path, data) =>
  new Promise((resolve, reject) =>
    client.as(facade)[verb](path, data, (error, body) => (error ? reject(error) : resolve(body))));

async function main() {
  const identity = bitauth.generateSin();
  const visitor = await ready(bitpay.createClient());
  const label = 'node-bitpay-client';
  const pairing = { id: identity.sin, pairingCode: job.code, label };
  const paired = await step('', 'pair', () => call(visitor, 'public', 'post', 'tokens', pairing));
  if (!paired) return tell();
  // With a key, the constructor asks for its tokens by a signed GET /tokens.
  const client = bitpay.createClient(identity.priv);
  const tokens = await step('', 'tokens', async () => (await ready(client)).tokens);
  if (!tokens) return tell();
  return buy((order) => create(client, order), (id) => call(client, 'merchant', 'get', 'invoices/' + id, {}));
}

async function create(client, order) {
  const { price, currency, texts, buyer } = order;
  const request = { price, currency, ...texts, buyer };
  const invoice = await call(client, 'merchant', 'post', 'invoices', request);
  return { guid: request.guid, invoice }; // the library put its guid into the object it was given
}

main();
