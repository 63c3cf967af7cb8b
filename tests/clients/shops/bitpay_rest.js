'use strict';
// npm bitpay-rest and its forerunner npm bitpay. Host and port come from ~/.bitpay/config.json.
// Their bitauth has a native half of 2015 that no Node of today can build, and a half in plain
// JavaScript for browsers; this switch takes the second.
process.browser = true;
const { job, step, live, called } = require('./shop.js');

const bitpay = require(job.module);
const bitauth = require('bitauth');

const ready = (client) => new Promise((resolve, reject) => client.on('ready', () => resolve(client)).on('error', reject));
const call = (client, facade, verb, path, data) => called((done) => client.as(facade)[verb](path, data, done));

async function main() {
  const identity = bitauth.generateSin();
  const visitor = await ready(bitpay.createClient());
  if (!job.adopt) {
    const pairing = { id: identity.sin, pairingCode: job.code, label: 'node-bitpay-client' };
    if (!(await step('', 'pair', () => call(visitor, 'public', 'post', 'tokens', pairing)))) process.exit(0);
  }
  // With a key, the constructor asks for its tokens by a signed GET /tokens.
  let client = null;
  const started = async () => (client = client || (await ready(bitpay.createClient(identity.priv))));
  const merchant = async (verb, path, data) => call(await started(), 'merchant', verb, path, data);
  const between = ([dateStart, dateEnd]) => merchant('get', 'invoices', { dateStart, dateEnd });
  live({
    create: (order) => create(merchant, order),
    tokens: async () => (await started()).tokens,
    read: (id) => merchant('get', 'invoices/' + id, {}),
    bare: (id) => call(visitor, 'public', 'get', 'invoices/' + id, {}),
    list: () => between(job.days),
    'list-none': () => between(job.no_days),
    rates: () => call(visitor, 'public', 'get', 'rates', {}),
    'rates-late': () => merchant('get', 'rates', {}), // signed, with a token
    rate: () => call(visitor, 'public', 'get', 'rates/BTC/USD', {}),
    currencies: () => call(visitor, 'public', 'get', 'currencies', {}),
    resend: (invoice) => called((done) => invoice.post('notifications', done)), // the resource's own call, with its own token
    refused: {
      unknown: () => merchant('get', 'invoices/' + job.unknown, {}),
      refund: (invoice) => called((done) => invoice.post('refunds', { amount: 1, currency: 'USD' }, done)), // the resource's own call
      bill: () => merchant('post', 'bills', { number: '7', currency: 'USD', items: [] }),
      ledger: () => merchant('get', 'ledgers', {}),
      'facade-name': (invoice) => call(client, 'payroll', 'get', 'invoices/' + invoice.id, {}), // sends the facade's name as token
    },
  });
}

async function create(merchant, order) {
  const { price, currency, texts, buyer } = order;
  const request = { price, currency, ...texts, buyer };
  const invoice = await merchant('post', 'invoices', request);
  return { guid: request.guid, invoice }; // the library put its guid into the object it was given
}

main();
