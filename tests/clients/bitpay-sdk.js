'use strict';
// npm bitpay-sdk: asks for a code as its own setup script does (POST /tokens with id and facade), then all by its client.
const sdk = require('bitpay-sdk');
const fs = require('fs');
const path = require('path');
const { job, order, buyer, approve, step, done } = require('./common.js');

(async () => {
  const utils = new sdk.KeyUtils();
  const keypair = utils.generate_keypair();
  const token = await step('pair', async () => {
    const answer = await fetch(job.base + '/tokens', {
      method: 'POST',
      headers: { 'x-accept-version': '2.0.0', 'Content-type': 'application/json' },
      body: JSON.stringify({ id: utils.get_sin_from_key(keypair), facade: 'merchant' }),
    });
    const { data } = await answer.json();
    approve(data[0].pairingCode);
    return data[0].token;
  });
  const file = path.join(process.env.HOME, 'bitpay.config.json');
  const settings = { PrivateKeyPath: '', PrivateKey: keypair.getPrivate('hex'), ApiTokens: { merchant: token } };
  fs.writeFileSync(file, JSON.stringify({ BitPayConfiguration: { Environment: 'Prod', EnvConfig: { Prod: settings } } }));
  const client = sdk.Client.createClientByConfig(file);
  const made = await step('create', () => {
    const { price, currency, ...texts } = order();
    return client.createInvoice(Object.assign(new sdk.Models.Invoice(price, currency), texts, { buyer }));
  });
  await step('read', () => client.getInvoice(made.id));
  done();
})();
