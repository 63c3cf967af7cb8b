'use strict';
// npm btcpay, BTCPay's own client of old. Its types name the buyer's members flat.
const { BTCPayClient, crypto } = require('btcpay');
const { job, step, tell, buy } = require('./shop.js');

const FLAT = {
  name: 'buyerName', address1: 'buyerAddress1', address2: 'buyerAddress2', locality: 'buyerCity', region: 'buyerState',
  postalCode: 'buyerZip', country: 'buyerCountry', phone: 'buyerPhone', email: 'buyerEmail',
};

async function main() {
  const keypair = crypto.generate_keypair();
  const tokens = await step('', 'pair', () => new BTCPayClient(job.base, keypair).pair_client(job.code));
  if (!tokens) return tell();
  const client = new BTCPayClient(job.base, keypair, tokens);
  return buy((order) => create(client, order), (id) => client.get_invoice(id));
}

async function create(client, order) {
  const { redirectURL, ...texts } = order.texts;
  const request = { price: order.price, currency: order.currency, ...texts, redirectUrl: redirectURL };
  for (const [name, value] of Object.entries(order.buyer)) request[FLAT[name]] = value;
  return { guid: request.guid, invoice: await client.create_invoice(request) };
}

main();
