'use strict';
// npm bitpay-rest: its host comes from ~/.bitpay/config.json, which the runner wrote.
process.browser = true; // its bitauth then uses elliptic instead of a native module that no Node builds any more
const bitpay = require('bitpay-rest');
const bitauth = require('bitauth');
const { job, order, buyer, step, done } = require('./common.js');

const call = (client, facade, method, path, data) =>
  new Promise((resolve, reject) =>
    client.as(facade)[method](path, data, (error, body) => (error ? reject(error) : resolve(body))));
const ready = (client) =>
  new Promise((resolve, reject) => client.on('ready', () => resolve(client)).on('error', reject));

(async () => {
  const identity = bitauth.generateSin();
  const visitor = await ready(bitpay.createClient());
  await step('pair', async () => {
    const answer = await call(visitor, 'public', 'post', 'tokens', { id: identity.sin, pairingCode: job.code, label: 'shop' });
    return { facade: answer[0].facade };
  });
  const client = await ready(bitpay.createClient(identity.priv)).catch((error) => step('tokens', () => { throw error; }));
  const made = await step('create', () => call(client, 'merchant', 'post', 'invoices', { ...order(), buyer }));
  await step('read', () => call(client, 'merchant', 'get', 'invoices/' + made.id, {}));
  done();
})();
