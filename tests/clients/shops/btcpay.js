'use strict';
// npm btcpay, BTCPay's own client of old. Its types name the buyer's members flat.
const { BTCPayClient, crypto } = require('btcpay');
const { job, step, live, flat } = require('./shop.js');

const keypair = crypto.generate_keypair();

async function main() {
  const visitor = new BTCPayClient(job.base, keypair);
  const tokens = job.adopt ? { merchant: job.token } : await step('', 'pair', () => visitor.pair_client(job.code));
  if (!tokens) process.exit(0);
  const client = new BTCPayClient(job.base, keypair, tokens);
  const rates = () => client.get_rates(['BTC_USD', 'BTC_EUR'], 'STORE'); // always signed
  const between = ([dateStart, dateEnd]) => client.get_invoices({ dateStart, dateEnd });
  live({
    create: (order) => create(client, order),
    read: (id) => client.get_invoice(id),
    list: () => between(job.days),
    'list-none': () => between(job.no_days),
    'rates-late': rates,
    refused: {
      unknown: () => client.get_invoice(job.unknown),
      ...(!job.adopt && { 'code-again': () => new BTCPayClient(job.base, crypto.generate_keypair()).pair_client(job.code) }),
    },
  });
}

async function create(client, order) {
  const { redirectURL, ...texts } = order.texts;
  const request = { price: order.price, currency: order.currency, ...texts, redirectUrl: redirectURL, ...flat(order.buyer) };
  return { guid: request.guid, invoice: await client.create_invoice(request) };
}

main();
