'use strict';
// npm btcpay: pairs with a code that the operator made; everything by its own client.
const { BTCPayClient, crypto } = require('btcpay');
const { job, order, buyer, step, done } = require('./common.js');

(async () => {
  const keypair = crypto.generate_keypair();
  const pairing = new BTCPayClient(job.base, keypair);
  const tokens = await step('pair', () => pairing.pair_client(job.code));
  const client = new BTCPayClient(job.base, keypair, tokens);
  const made = await step('create', () => client.create_invoice({ ...order(), buyer }));
  await step('read', () => client.signed_get_request('/invoices/' + made.id));
  done();
})();
